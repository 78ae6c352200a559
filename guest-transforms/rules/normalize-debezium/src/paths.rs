//! Where in a record everything stands.

use crate::config::{Before, Config, Shape, Version};
use crate::old_key;
use crate::row_column::RowColumn;

/// The document paths of an event's parts.
pub(crate) struct Paths {
    pub(crate) shape: Shape,
    pub(crate) version: Version,
    pub(crate) before: Before,
    pub(crate) op: String,
    /// Of a flat value: whether the row was deleted, in text.
    pub(crate) deleted: Option<String>,
    /// What Debezium's records that are about no row have, and rows as a rule have not.
    pub(crate) notice: Option<String>,
    /// What the begin and the end of a transaction have, and no row where an envelope should be.
    pub(crate) transaction: Option<String>,
    /// Where the key's columns would stand if a row stood in the place of an envelope; none where
    /// an envelope has a member of such a name.
    pub(crate) row_key: Vec<String>,
    /// What the key was before it was changed, where it can be read.
    pub(crate) old_key: Option<String>,
    /// The first that there is counts.
    pub(crate) lsns: Vec<String>,
    /// The first that there is counts.
    pub(crate) sequences: Vec<String>,
    /// The first that there is counts.
    pub(crate) times: Vec<(String, Unit)>,
    /// The path of each column in each image: before, after, the record's key and none. A delete
    /// has of its row what `before` says.
    pub(crate) images: [Vec<Option<String>>; 4],
    /// What a message calls each image.
    pub(crate) image_names: [&'static str; 4],
}

/// What a number of a time counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Microseconds,
    Milliseconds,
}

impl Unit {
    /// In microseconds.
    pub(crate) fn us(self) -> i64 {
        match self {
            Self::Microseconds => 1,
            Self::Milliseconds => 1000,
        }
    }

    /// The logical type of such a time.
    pub(crate) fn logical_type(self) -> &'static str {
        match self {
            Self::Microseconds => "timestamp(us)",
            Self::Milliseconds => "timestamp(ms)",
        }
    }
}

impl Paths {
    /// Whether the record has no value.
    pub(crate) const TOMBSTONE: &'static str = "meta.tombstone";
    /// Whether the record has a key.
    pub(crate) const HAS_KEY: &'static str = "meta.has_key";
    /// The time that Kafka gave the record.
    const KAFKA_TIME: &'static str = "meta.timestamp";
    /// The members of an envelope.
    const ENVELOPE: [&'static str; 8] = [
        "before",
        "after",
        "source",
        "op",
        "transaction",
        "ts_ms",
        "ts_us",
        "ts_ns",
    ];

    /// An error where no column's event time can be one.
    pub(crate) fn new(config: &Config, columns: &[RowColumn]) -> Result<Self, String> {
        let shape = config.shape;
        let (before, after) = match shape {
            Shape::Envelope => ("value.before", "value.after"),
            Shape::Flat => ("value", "value"),
        };
        let image = |path: &str, is_read: &dyn Fn(&RowColumn) -> bool| {
            let paths = columns.iter();
            paths
                .map(|column| is_read(column).then(|| below(path, &column.source)))
                .collect::<Vec<_>>()
        };
        let images = [
            image(before, &|c| c.is_key || config.before == Before::Full),
            image(after, &|_| true),
            image("key", &|c| c.is_key),
            vec![None; columns.len()],
        ];
        let strings = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect();
        let by_log = |paths: &[&str]| match config.version() {
            Version::Postgres => strings(paths),
            Version::Offset | Version::EventTime => Vec::new(),
        };
        let (op, deleted, lsns, sequences) = match shape {
            Shape::Envelope => (
                "value.op",
                None,
                by_log(&["value.source.lsn"]),
                by_log(&["value.source.sequence"]),
            ),
            Shape::Flat => (
                "value.__op",
                Some("value.__deleted".to_owned()),
                by_log(&["value.__lsn", "value.__source_lsn"]),
                by_log(&["value.__source_sequence", "value.__sequence"]),
            ),
        };
        let notice = "value.ts_ms".to_owned();
        let is_column = images
            .iter()
            .flatten()
            .flatten()
            .any(|path| *path == notice);
        Ok(Self {
            shape,
            version: config.version(),
            before: config.before,
            op: op.to_owned(),
            deleted,
            notice: (!is_column).then_some(notice),
            transaction: (shape == Shape::Envelope).then(|| "value.event_count".to_owned()),
            row_key: match shape {
                Shape::Envelope => row_key(columns),
                Shape::Flat => Vec::new(),
            },
            old_key: (!config.old_key_columns(columns).is_empty())
                .then(|| old_key::HEADER.to_owned()),
            lsns,
            sequences,
            times: times(config, &images, columns)?,
            images,
            image_names: match shape {
                Shape::Envelope => ["`value.before`", "`value.after`", "the record's key", ""],
                Shape::Flat => ["`value`", "`value`", "the record's key", ""],
            },
        })
    }
}

/// See [`Paths::row_key`].
fn row_key(columns: &[RowColumn]) -> Vec<String> {
    let key = columns.iter().filter(|column| column.is_key);
    let names: Vec<&str> = key.map(|column| column.source.as_str()).collect();
    match names.iter().any(|name| Paths::ENVELOPE.contains(name)) {
        true => Vec::new(),
        false => names.iter().map(|name| below("value", name)).collect(),
    }
}

/// Where the event time is looked for. Kafka's time, of another clock, decides about nothing but
/// lateness: it is none of those that tell versions apart.
fn times(
    config: &Config,
    images: &[Vec<Option<String>>; 4],
    columns: &[RowColumn],
) -> Result<Vec<(String, Unit)>, String> {
    // A path is read once: where it is a column's, as the column's type.
    let column = |path: &str| {
        let is_read = |image: &Vec<Option<String>>| {
            image
                .iter()
                .position(|other| other.as_deref() == Some(path))
        };
        images.iter().find_map(is_read).map(|i| &columns[i])
    };
    let time = |path: &str| {
        let is_milliseconds = path.ends_with("_ms") || path == Paths::KAFKA_TIME;
        let unit = match (
            column(path).map(|column| column.read.as_str()),
            is_milliseconds,
        ) {
            (Some("timestamp(us)"), _) | (None, false) => Unit::Microseconds,
            (Some("timestamp(ms)"), _) | (None, true) => Unit::Milliseconds,
            (Some(other), _) => {
                return Err(format!(
                    "`event_time` names the column `{path}` of type {other}: it needs a timestamp"
                ));
            }
        };
        Ok((path.to_owned(), unit))
    };
    let paths: &[&str] = match (&config.event_time, config.shape) {
        (Some(path), _) => &[path],
        (None, Shape::Envelope) => &["value.source.ts_us", "value.source.ts_ms"],
        (None, Shape::Flat) => &["value.__source_ts_us", "value.__source_ts_ms"],
    };
    let needs_source = config.version() == Version::EventTime && config.shape == Shape::Envelope;
    let kafka = (!needs_source && paths != [Paths::KAFKA_TIME]).then_some(Paths::KAFKA_TIME);
    paths.iter().copied().chain(kafka).map(time).collect()
}

/// The path of the member `name` of the object at `path`.
fn below(path: &str, name: &str) -> String {
    match name.is_empty() || name.contains('.') || name.starts_with('"') {
        false => format!("{path}.{name}"),
        true => {
            let name = name.replace('\\', "\\\\").replace('"', "\\\"");
            format!("{path}.\"{name}\"")
        }
    }
}
