//! A record that cannot be used, and why.

/// The place in the walk at which a record was found unusable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    Decode,
    /// A transform, by its name in the pipeline.
    Transform(String),
    /// The host's event-time rules.
    EventTime,
    /// Postgres, or what the host knows Postgres would refuse.
    Sink,
}

impl Stage {
    /// The text of `gristmill.dead_letter.stage`: `decode`, `transform:NAME`, `event-time`,
    /// `sink`.
    pub fn to_text(&self) -> String {
        match self {
            Self::Decode => "decode".to_owned(),
            Self::Transform(name) => format!("transform:{name}"),
            Self::EventTime => "event-time".to_owned(),
            Self::Sink => "sink".to_owned(),
        }
    }
}

impl DeadLetter {
    /// Whether a transform judged the row unusable, as it declared that it may: a finding about the
    /// data, not a failure.
    pub fn is_declared(&self) -> bool {
        matches!(self.stage, Stage::Transform(_)) && !self.code.starts_with(HOST_CODES)
    }
}

/// What the host's own codes about a transform begin with: none may declare such.
pub const HOST_CODES: &str = "transform-";

/// One dead letter of a batch; the record's bytes stay in the batch's `Records`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Index into the batch's `Records`.
    pub record: u32,
    /// Tells apart several dead letters of one record (a split by a normalizer): 0 for the record
    /// as a whole, else 1 + the output row's rank among its record's rows.
    pub ordinal: u32,
    pub stage: Stage,
    /// Kebab-case. The host's own: `malformed`, `wrong-type`, `zero-byte`, `too-large`,
    /// `future-time`, `before-floor`, `late`, `null-event-time`, `null-key`,
    /// `transform-trapped`, `transform-out-of-fuel`, `transform-out-of-memory`, `refused`; a
    /// transform's: what it declared.
    pub code: String,
    /// One sentence for a person.
    pub message: String,
}
