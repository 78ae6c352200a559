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

/// The host's own codes, with the stage that gives them and what they mean.
pub const CODES: [(&str, &str, &str); 16] = [
    (
        "malformed",
        "decode",
        "The record is not JSON, not UTF-8, or no value of its schema, where the normalizer reads \
         it. The message says where.",
    ),
    (
        "not-framed",
        "decode",
        "The record does not say of which schema it is: neither does a header, nor do its first \
         bytes.",
    ),
    (
        "unknown-schema",
        "decode",
        "The schema registry does not know the schema that the record names.",
    ),
    (
        "schema-mismatch",
        "decode",
        "A path that is read has another type in the record's schema, or nobody can read that \
         schema, and the pipeline has `on_mismatch = \"dead-letter\"`.",
    ),
    (
        "wrong-type",
        "decode",
        "A value has another type than the transform declared for it. The message names both.",
    ),
    (
        "zero-byte",
        "decode, sink",
        "A text holds the character U+0000, which Postgres cannot store. The stage is `sink` where \
         a transform wrote it.",
    ),
    (
        "too-large",
        "decode",
        "Key, value and headers together are larger than `record_max_bytes`.",
    ),
    (
        "null-key",
        "event-time",
        "A column of the key is null in the row that the normalizer made.",
    ),
    (
        "null-event-time",
        "event-time",
        "The row that the normalizer made has no event time.",
    ),
    (
        "future-time",
        "event-time",
        "The event time is further ahead of the host's clock than `future_max_ms`.",
    ),
    (
        "before-floor",
        "event-time",
        "The event time is before `floor_ms`.",
    ),
    (
        "late",
        "event-time",
        "The event time is behind the watermark, and the pipeline has `late = \"dead-letter\"`.",
    ),
    (
        "transform-trapped",
        "transform:NAME",
        "The component panicked or trapped on this row. The message has the panic's.",
    ),
    (
        "transform-out-of-fuel",
        "transform:NAME",
        "The component needed more than `fuel_base` and `fuel_per_row` for this row alone.",
    ),
    (
        "transform-out-of-memory",
        "transform:NAME",
        "The component needed more than `memory_max_bytes` for this row alone, or returned more \
         than `returned_max_bytes`.",
    ),
    (
        "refused",
        "sink",
        "Postgres refused the row, or would refuse it: a constraint, an overflow, a trigger. The \
         message has Postgres' own words.",
    ),
];

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
    /// Kebab-case: one of [`CODES`], or what a transform declared.
    pub code: String,
    /// One sentence for a person.
    pub message: String,
}
