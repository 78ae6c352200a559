//! What an answer that did not come means, as a sentence with what to do.

use std::sync::{Mutex, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::client::ReservedProperty;
use crate::source::source_fault::is_refusal;

/// Why a question to Kafka was not answered.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    #[error(transparent)]
    Property(#[from] ReservedProperty),
    #[error(
        "kafka at {bootstrap} cannot be reached{reason}: check the address and that the broker \
         runs"
    )]
    Unreachable {
        bootstrap: String,
        /// `: ` and librdkafka's words.
        reason: String,
    },
    #[error("kafka has no topic `{topic}`: create it, or correct the name")]
    UnknownTopic { topic: String },
    #[error("kafka does not allow {what}{reason}: check the user's credentials and ACLs")]
    Unauthorized {
        what: String,
        reason: String,
        source: Box<KafkaError>,
    },
    #[error("cannot {what}{reason}")]
    Failed {
        what: String,
        reason: String,
        source: Box<KafkaError>,
    },
}

/// Keeps librdkafka's most telling complaint, which says more than the error code that a call
/// returns.
#[derive(Debug, Default)]
pub(crate) struct Reasons(Mutex<Option<Complaint>>);

/// librdkafka's code and words.
pub(crate) type Complaint = (Option<Code>, String);

impl Reasons {
    /// It stays: librdkafka does not repeat itself when the next call fails alike.
    pub(crate) fn latest(&self) -> Option<Complaint> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clone()
    }
}

impl ClientContext for Reasons {
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(target: "librdkafka", "{facility}: {message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept.as_ref().map(|(code, _)| *code);
        // What is wrong with one connection says more than that all are down, and a refusal more
        // than the connection that it closes.
        let says_less = code == Some(Code::AllBrokersDown) || known.is_some_and(is_refusal);
        if known.is_none() || !says_less || is_refusal(code) {
            *kept = Some((code, reason.to_owned()));
        }
    }
}

impl ConsumerContext for Reasons {}

/// Makes a sentence of what a call returned and what librdkafka complained of meanwhile. `what`
/// completes "cannot".
pub(crate) fn explain(
    bootstrap: &str,
    what: &str,
    topic: Option<&str>,
    complaint: Option<Complaint>,
    source: KafkaError,
) -> AdminError {
    let (complaint, reason) = complaint.map_or((None, String::new()), |(code, reason)| {
        (code, format!(": {reason}"))
    });
    let code = source.rdkafka_error_code();
    let source = Box::new(source);
    match code {
        Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition) => {
            let topic = topic.unwrap_or(what).to_owned();
            AdminError::UnknownTopic { topic }
        }
        code if is_refusal(code) || is_refusal(complaint) => AdminError::Unauthorized {
            what: format!("to {what}"),
            reason,
            source,
        },
        Some(
            Code::BrokerTransportFailure
            | Code::OperationTimedOut
            | Code::AllBrokersDown
            | Code::Resolve,
        ) => AdminError::Unreachable {
            bootstrap: bootstrap.to_owned(),
            reason: match reason.is_empty() {
                true => format!(": {source}"),
                false => reason,
            },
        },
        _ => AdminError::Failed {
            what: what.to_owned(),
            reason,
            source,
        },
    }
}
