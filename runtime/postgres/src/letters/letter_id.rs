//! Which dead letter, and what has become of it.

use std::fmt;
use std::str::FromStr;

use tokio_postgres::types::Type;

use crate::wire::placeholder::Named;

/// Which dead letter, within a pipeline's run. As text `topic/partition/offset/ordinal`, with
/// `topic@2` for the second topic of that name: no name has an `@`. Ordered as they are listed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LetterId {
    pub topic: String,
    pub partition: i32,
    /// Which topic of its name: see [`crate::commit::lease::Lease::log`].
    pub log: i32,
    pub offset: i64,
    pub ordinal: i32,
}

impl fmt::Display for LetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            topic,
            partition,
            log,
            offset,
            ordinal,
        } = self;
        match log {
            ..2 => write!(f, "{topic}/{partition}/{offset}/{ordinal}"),
            _ => write!(f, "{topic}@{log}/{partition}/{offset}/{ordinal}"),
        }
    }
}

/// Text that is no dead letter's id.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is not the id of a dead letter: expected topic/partition/offset/ordinal, as `gristmill \
     dead-letters list` shows it"
)]
pub struct InvalidLetterId(pub String);

impl FromStr for LetterId {
    type Err = InvalidLetterId;

    fn from_str(text: &str) -> Result<Self, InvalidLetterId> {
        let parse = || {
            let mut parts = text.rsplitn(4, '/');
            let ordinal = parts.next()?.parse().ok()?;
            let offset = parts.next()?.parse().ok()?;
            let partition = parts.next()?.parse().ok()?;
            let topic = parts.next()?;
            let (topic, log) = match topic.split_once('@') {
                Some((topic, log)) => (topic, log.parse().ok()?),
                None => (topic, 1),
            };
            (!topic.is_empty()).then(|| Self {
                topic: topic.to_owned(),
                partition,
                log,
                offset,
                ordinal,
            })
        };
        parse().ok_or_else(|| InvalidLetterId(text.to_owned()))
    }
}

/// What has become of a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LetterState {
    /// Not yet in the dead-letter topic.
    New,
    Relayed,
    /// Used after all.
    Replayed,
    /// Given up by a person.
    Discarded,
    /// Of a batch that was refused: see [`crate::letters::letter_sample`].
    Sample,
}

impl LetterState {
    /// The name that the table has for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Relayed => "relayed",
            Self::Replayed => "replayed",
            Self::Discarded => "discarded",
            Self::Sample => "sample",
        }
    }

    pub(crate) fn from_stored(text: &str) -> Self {
        match text {
            "relayed" => Self::Relayed,
            "replayed" => Self::Replayed,
            "discarded" => Self::Discarded,
            "sample" => Self::Sample,
            _ => Self::New,
        }
    }
}

/// Ids as arrays, one a column.
pub(crate) struct IdArrays<'a> {
    topics: Vec<&'a str>,
    partitions: Vec<i32>,
    logs: Vec<i32>,
    offsets: Vec<i64>,
    ordinals: Vec<i32>,
}

impl<'a> IdArrays<'a> {
    pub(crate) fn new(ids: impl IntoIterator<Item = &'a LetterId>) -> Self {
        let mut arrays = Self {
            topics: Vec::new(),
            partitions: Vec::new(),
            logs: Vec::new(),
            offsets: Vec::new(),
            ordinals: Vec::new(),
        };
        for id in ids {
            arrays.topics.push(&id.topic);
            arrays.partitions.push(id.partition);
            arrays.logs.push(id.log);
            arrays.offsets.push(id.offset);
            arrays.ordinals.push(id.ordinal);
        }
        arrays
    }

    pub(crate) fn parameters(&self) -> [Named<'_>; 5] {
        [
            ("topics", Type::TEXT_ARRAY, &self.topics),
            ("partitions", Type::INT4_ARRAY, &self.partitions),
            ("logs", Type::INT4_ARRAY, &self.logs),
            ("offsets", Type::INT8_ARRAY, &self.offsets),
            ("ordinals", Type::INT4_ARRAY, &self.ordinals),
        ]
    }
}
