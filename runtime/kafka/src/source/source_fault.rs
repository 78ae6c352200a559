//! What the consumer sees and its owner must decide.

use std::sync::Arc;

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::{TopicId, TopicPartition};

/// Reported from the consumer's thread, once for each time it happens.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceFault {
    /// Kafka does not have the next offset: retention went past it, or the topic was truncated or
    /// created again. The partition is no longer fetched.
    #[error(
        "{partition}: the next offset is {next_offset}, and Kafka has {low} to {high} (exclusive)"
    )]
    OutOfRange {
        partition: TopicPartition,
        next_offset: i64,
        low: i64,
        /// Exclusive.
        high: i64,
    },
    /// Kafka answered that a position does not hold (a log truncated by a change of leader), or a
    /// record cannot be read. None of these partitions is fetched any more: take each again through
    /// its start path.
    #[error("cannot go on with {}: {reason}", names(partitions))]
    PositionLost {
        partitions: Vec<TopicPartition>,
        reason: String,
    },
    /// A topic was deleted and created again while it was read. Its partitions are no longer
    /// fetched: what was read since may be of either.
    #[error("topic `{topic}` was deleted and created again: its id was {expected} and is {seen}")]
    Recreated {
        topic: Arc<str>,
        expected: TopicId,
        seen: TopicId,
        /// Below which offset what was read of each partition is surely of the former topic.
        sure_below: Vec<(TopicPartition, i64)>,
    },
    /// A subscribed topic does not exist. It is picked up when it appears.
    #[error("{reason}")]
    UnknownTopic { reason: String },
    /// The brokers refuse who we are or what we ask for: credentials, ACLs, a group that others use
    /// in another way. Tried again until it is allowed.
    #[error("kafka refuses: {reason}")]
    Refused { reason: String },
    /// No broker can be reached, or none answers. Transient: the consumer keeps trying.
    #[error("{reason}")]
    Unreachable { reason: String },
    /// Records, or a partition's end, come again after [`SourceFault::UnknownTopic`],
    /// [`SourceFault::Unreachable`] or [`SourceFault::Refused`].
    #[error("kafka answers again")]
    Reachable,
    /// The consumer has ended. Partitions are lost ([`crate::source::Assignments::lost`] was called
    /// before).
    #[error("the consumer has ended: {reason}")]
    Fatal { reason: String },
}

fn names(partitions: &[TopicPartition]) -> String {
    let names: Vec<_> = partitions.iter().map(ToString::to_string).collect();
    names.join(", ")
}

/// What an error that a poll returned means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The end of partition number `.0`.
    End(i32),
    /// A partition's fetch position is not to be had.
    OffsetReset,
    /// Records that cannot be read; librdkafka would go on behind them.
    Damaged,
    UnknownTopic,
    Refused,
    Unreachable,
    Fatal,
    /// A connection that librdkafka makes again by itself, as often as needed.
    Connection,
    /// Something else that librdkafka deals with.
    Transient,
}

pub(crate) fn kind(error: &KafkaError) -> Kind {
    let code = match error {
        KafkaError::PartitionEOF(partition) => return Kind::End(*partition),
        KafkaError::MessageConsumptionFatal(_) => return Kind::Fatal,
        other => other.rdkafka_error_code(),
    };
    match code {
        Some(Code::AutoOffsetReset | Code::OffsetOutOfRange | Code::LogTruncation) => {
            Kind::OffsetReset
        }
        Some(
            Code::BadMessage
            | Code::InvalidMessage
            | Code::BadCompression
            | Code::NotImplemented
            | Code::Underflow
            | Code::MessageSizeTooLarge,
        ) => Kind::Damaged,
        Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition) => {
            Kind::UnknownTopic
        }
        code if is_refusal(code) => Kind::Refused,
        Some(
            Code::InconsistentGroupProtocol
            | Code::InvalidGroupId
            | Code::InvalidSessionTimeout
            | Code::GroupMaxSizeReached
            | Code::UnsupportedVersion
            | Code::UnsupportedFeature,
        ) => Kind::Refused,
        Some(Code::AllBrokersDown) => Kind::Unreachable,
        Some(Code::BrokerTransportFailure | Code::Resolve | Code::OperationTimedOut) => {
            Kind::Connection
        }
        Some(Code::Fatal | Code::FencedInstanceId) => Kind::Fatal,
        _ => Kind::Transient,
    }
}

/// Whether the brokers refuse who we are or what we ask for.
pub(crate) fn is_refusal(code: Option<Code>) -> bool {
    matches!(
        code,
        Some(
            Code::TopicAuthorizationFailed
                | Code::GroupAuthorizationFailed
                | Code::ClusterAuthorizationFailed
                | Code::SaslAuthenticationFailed
                | Code::Authentication
                | Code::SSL
        )
    )
}
