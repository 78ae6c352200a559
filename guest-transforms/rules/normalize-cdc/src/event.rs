//! One change event: which of its images is the row, and why it may be none.

use gristmill_guest::{AnyColumn, Batch, Column, Text};

use crate::config::{Config, Op, Paths};

/// The path of the time that Kafka gave a record.
pub(crate) const KAFKA_TIME: &str = "meta.timestamp";

/// Seconds from 1990 to 2100. As milliseconds they would all be in the spring of 1970, when nobody
/// captured changes.
const SECONDS: std::ops::Range<i64> = 631_152_000..4_102_444_800;

/// The rows of a batch as change events.
pub(crate) struct Events<'a> {
    config: &'a Config,
    op: &'a Column<Text>,
    event_time: &'a Column<Vec<i64>>,
    /// Whether its path does not say that it is in milliseconds.
    may_be_seconds: bool,
    /// The time that Kafka gave the record; asked for with tombstones only.
    kafka_time: Option<&'a Column<Vec<i64>>>,
    /// What each operation is called.
    ops: [(Op, &'a str); 5],
    /// The columns of each image: in the order of [`Image`], and of the config's columns.
    images: [Vec<Option<&'a AnyColumn>>; 4],
    /// Whether each column stands in the images.
    is_inside: Vec<bool>,
    /// The positions of the key's columns in an image.
    key: Vec<usize>,
}

/// The image that a row is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Image {
    Before,
    After,
    /// The record's key, for a tombstone.
    Key,
    /// None: the event is about all rows.
    Nothing,
}

/// A version of a row.
pub(crate) struct RowVersion {
    pub(crate) image: Image,
    /// The row of the batch that it comes from.
    pub(crate) row: u32,
    pub(crate) event_time_ms: i64,
    pub(crate) is_deleted: bool,
    /// Whether all rows are gone instead.
    pub(crate) is_truncate: bool,
}

/// Why an event is no row.
pub(crate) struct Refusal {
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl Refusal {
    const UNKNOWN_OP: &'static str = "unknown-op";
    const MISSING_ROW: &'static str = "missing-row";
    const MISSING_KEY: &'static str = "missing-key";
    const MISSING_TIME: &'static str = "missing-time";
    /// All that may occur.
    pub(crate) const CODES: [&'static str; 4] = [
        Self::UNKNOWN_OP,
        Self::MISSING_ROW,
        Self::MISSING_KEY,
        Self::MISSING_TIME,
    ];
}

impl<'a> Events<'a> {
    pub(crate) fn new(config: &'a Config, paths: &Paths, batch: &'a Batch) -> Self {
        let column = |path: &Option<String>| path.as_ref().map(|path| batch.column(path));
        let position = |key| config.columns.keys().position(|name| name == key);
        Self {
            config,
            op: batch.text(&config.op),
            event_time: batch.int64(&config.event_time),
            may_be_seconds: !config.event_time.ends_with("ms") && config.event_time != KAFKA_TIME,
            kafka_time: config.tombstones.then(|| batch.int64(KAFKA_TIME)),
            ops: config.ops(),
            images: paths
                .each_ref()
                .map(|image| image.iter().map(column).collect()),
            is_inside: config
                .columns
                .keys()
                .map(|name| !config.paths.contains_key(name))
                .collect(),
            key: config.key.iter().filter_map(position).collect(),
        }
    }

    /// The images of each column, in the order of [`Image`].
    pub(crate) fn columns(&self) -> impl Iterator<Item = [Option<&'a AnyColumn>; 4]> {
        let columns = 0..self.is_inside.len();
        columns.map(|column| self.images.each_ref().map(|image| image[column]))
    }

    /// The version that the event at `row` makes; before it, when an update changed the key, the
    /// end of the old key's row.
    pub(crate) fn read(&self, row: usize) -> Result<(Option<RowVersion>, RowVersion), Refusal> {
        let op = self.op(row);
        let (image, is_deleted) = match op {
            Some(Op::Create | Op::Read | Op::Update) => (Image::After, false),
            Some(Op::Delete) => (Image::Before, true),
            Some(Op::Truncate) => (Image::Nothing, false),
            None if self.is_tombstone(row) => (Image::Key, true),
            None => return Err(self.unknown_op(row)),
        };
        self.check_row(image, row)?;
        let event_time_ms = self.event_time(image, row)?;
        let version = |image, is_deleted| RowVersion {
            image,
            row: row as u32,
            event_time_ms,
            is_deleted,
            is_truncate: op == Some(Op::Truncate),
        };
        let changes_key = op == Some(Op::Update) && self.changes_key(row);
        let old_key = changes_key.then(|| version(Image::Before, true));
        Ok((old_key, version(image, is_deleted)))
    }

    fn op(&self, row: usize) -> Option<Op> {
        let found = self.op.get(row)?;
        let said = self.ops.iter().find(|(_, word)| *word == found);
        let op = said.map(|(op, _)| *op);
        op.or_else(|| Op::of_word(found).filter(|op| !self.config.ops.contains_key(op)))
    }

    /// A record that says nothing but its key. A value without any of the fields that are read
    /// looks the same: a topic with such values has no tombstones.
    fn is_tombstone(&self, row: usize) -> bool {
        self.config.tombstones
            && self.op.is_absent(row)
            && (self.event_time.is_absent(row) || self.config.event_time == KAFKA_TIME)
            && self.is_absent(Image::Before, row)
            && self.is_absent(Image::After, row)
    }

    fn is_absent(&self, image: Image, row: usize) -> bool {
        self.image(image).all(|column| column.is_absent(row))
    }

    /// Whether the image has no column of a row: of an object that is there the host makes those
    /// null which are missing, but for the key's.
    fn is_no_row(&self, image: Image, row: usize) -> bool {
        self.key(image).all(|column| column.is_absent(row))
            && self.image(image).all(|column| column.is_null(row))
    }

    fn image(&self, image: Image) -> impl Iterator<Item = &'a AnyColumn> {
        let columns = self.images[image as usize].iter().zip(&self.is_inside);
        columns.filter_map(|(column, is_inside)| column.filter(|_| *is_inside))
    }

    fn key(&self, image: Image) -> impl Iterator<Item = &'a AnyColumn> {
        self.key
            .iter()
            .filter_map(move |position| self.images[image as usize][*position])
    }

    fn check_row(&self, image: Image, row: usize) -> Result<(), Refusal> {
        let key = || self.config.key.iter().zip(self.key(image));
        let Some((name, column)) = key().find(|(_, column)| column.is_null(row)) else {
            return Ok(());
        };
        let path = self.path(image);
        let event = self.name(image, row);
        if self.is_no_row(image, row) {
            let message = format!("{event} needs a row in `{path}`, and there is none");
            return Err(Refusal {
                code: Refusal::MISSING_ROW,
                message,
            });
        }
        let how = if column.is_absent(row) {
            "missing"
        } else {
            "null"
        };
        let message = format!("key column `{name}` is {how} in `{path}` ({event})");
        Err(Refusal {
            code: Refusal::MISSING_KEY,
            message,
        })
    }

    fn event_time(&self, image: Image, row: usize) -> Result<i64, Refusal> {
        let (path, column) = match (image, self.kafka_time) {
            (Image::Key, Some(column)) => (KAFKA_TIME, column),
            _ => (self.config.event_time.as_str(), self.event_time),
        };
        let in_ms = |time: i64| match self.may_be_seconds && SECONDS.contains(&time) {
            true => time * 1_000,
            false => time,
        };
        column.get(row).map(in_ms).ok_or_else(|| {
            let how = if column.is_absent(row) {
                "missing"
            } else {
                "null"
            };
            let key: Vec<String> = self.key(image).map(|c| quoted(&c.to_text(row))).collect();
            let (event, key) = (self.name(image, row), key.join(", "));
            let message = format!("event time `{path}` is {how} ({event}, key {key})");
            Refusal {
                code: Refusal::MISSING_TIME,
                message,
            }
        })
    }

    /// Whether the event has a whole key in `before`, and another than in `after`.
    fn changes_key(&self, row: usize) -> bool {
        self.key(Image::Before).all(|column| !column.is_null(row))
            && !self
                .key(Image::Before)
                .zip(self.key(Image::After))
                .all(|(before, after)| before.same_value(row, after, row))
    }

    fn path(&self, image: Image) -> &str {
        match image {
            Image::Before => &self.config.before,
            Image::After => &self.config.after,
            Image::Key => &self.config.key_path,
            Image::Nothing => "",
        }
    }
}

impl Events<'_> {
    fn unknown_op(&self, row: usize) -> Refusal {
        let found = match self.op.get(row) {
            Some(op) => format!("`{}`", quoted(op)),
            None if self.op.is_absent(row) => "missing".to_owned(),
            None => "null".to_owned(),
        };
        let words = self.ops.map(|(_, word)| word).join(", ");
        let message = format!("`{}` is {found}, not one of {words}", self.config.op);
        Refusal {
            code: Refusal::UNKNOWN_OP,
            message,
        }
    }

    /// What a message calls the event.
    fn name(&self, image: Image, row: usize) -> String {
        match image {
            Image::Key => "tombstone".to_owned(),
            _ => format!("op `{}`", self.op.get(row).unwrap_or_default()),
        }
    }
}

/// Characters of a value that a message quotes: enough to recognise it, however long it is.
const QUOTED_CHARS: usize = 40;

fn quoted(value: &str) -> String {
    match value.char_indices().nth(QUOTED_CHARS) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}
