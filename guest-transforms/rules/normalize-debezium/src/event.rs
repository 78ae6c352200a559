//! One event: which of its images is the row, which version of it, and why it may be none.

use gristmill_guest::{AnyColumn, Batch, Bits, Column, Text};

use crate::config::{Before, Shape, Version};
use crate::paths::Paths;
use crate::row_column::RowColumn;
use crate::spelling;

/// The rows of a batch as events.
pub(crate) struct Events<'a> {
    paths: &'a Paths,
    columns: &'a [RowColumn],
    op: &'a Column<Text>,
    deleted: Option<&'a Column<Text>>,
    tombstone: &'a Column<Bits>,
    has_record_key: &'a Column<Bits>,
    notice: Option<&'a Column<Vec<i64>>>,
    transaction: Option<&'a AnyColumn>,
    old_key: Option<&'a Column<Text>>,
    row_key: Vec<&'a AnyColumn>,
    lsns: Vec<&'a Column<Vec<i64>>>,
    sequences: Vec<&'a Column<Text>>,
    /// The event time, the first that there is, with the unit in microseconds.
    times: Vec<(&'a Column<Vec<i64>>, i64)>,
    /// The columns of each image: in the order of [`Image`], and of the row's columns.
    images: [Vec<Option<&'a AnyColumn>>; 4],
    /// The positions of the key's columns in an image.
    key: Vec<usize>,
}

/// The image that a row is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Image {
    Before,
    After,
    /// The record's key.
    Key,
    /// None: the event is about all rows.
    Nothing,
}

/// What an event does.
pub(crate) enum Event {
    /// Nothing: it is about no row.
    Notice,
    /// It makes a version of a row; where an update changed the key, it ends the old key's first.
    Row(Option<RowVersion>, RowVersion),
}

/// A version of a row.
pub(crate) struct RowVersion {
    pub(crate) image: Image,
    /// The row of the batch that it comes from.
    pub(crate) row: u32,
    pub(crate) event_time_us: i64,
    /// Where the transaction's commit stands in the log that the event was read from, and where
    /// the change does. A transaction that was open while a snapshot read the row has earlier
    /// changes than the snapshot, and a later commit: so the commit counts first, and a row that a
    /// snapshot read is older than all that commit there.
    pub(crate) place: [i64; 2],
    pub(crate) is_deleted: bool,
    /// Whether all rows are gone instead.
    pub(crate) is_truncate: bool,
}

/// Why an event is no row.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl Refusal {
    const UNKNOWN_OP: &'static str = "unknown-op";
    const MISSING_ROW: &'static str = "missing-row";
    const MISSING_KEY: &'static str = "missing-key";
    const MISSING_TIME: &'static str = "missing-time";
    const MISSING_VERSION: &'static str = "missing-version";
    /// All that may occur.
    pub(crate) const CODES: [&'static str; 5] = [
        Self::UNKNOWN_OP,
        Self::MISSING_ROW,
        Self::MISSING_KEY,
        Self::MISSING_TIME,
        Self::MISSING_VERSION,
    ];

    fn new(code: &'static str, message: String) -> Self {
        Self { code, message }
    }
}

/// What happened to a row, or to all.
#[derive(Clone, Copy, PartialEq)]
enum Change {
    Upsert,
    Read,
    Update,
    Delete,
    Truncate,
}

impl<'a> Events<'a> {
    pub(crate) fn new(paths: &'a Paths, columns: &'a [RowColumn], batch: &'a Batch) -> Self {
        let image = |path: &Option<String>| path.as_ref().map(|path| batch.column(path));
        let times = paths.times.iter();
        Self {
            paths,
            columns,
            op: batch.text(&paths.op),
            deleted: paths.deleted.as_ref().map(|path| batch.text(path)),
            tombstone: batch.boolean(Paths::TOMBSTONE),
            has_record_key: batch.boolean(Paths::HAS_KEY),
            notice: paths.notice.as_ref().map(|path| batch.int64(path)),
            transaction: image(&paths.transaction),
            old_key: paths.old_key.as_ref().map(|path| batch.text(path)),
            row_key: paths
                .row_key
                .iter()
                .map(|path| batch.column(path))
                .collect(),
            lsns: paths.lsns.iter().map(|path| batch.int64(path)).collect(),
            sequences: paths
                .sequences
                .iter()
                .map(|path| batch.text(path))
                .collect(),
            times: times
                .map(|(path, unit)| (batch.int64(path), unit.us()))
                .collect(),
            images: paths
                .images
                .each_ref()
                .map(|paths| paths.iter().map(image).collect()),
            key: (0..columns.len())
                .filter(|&at| columns[at].is_key)
                .collect(),
        }
    }

    /// The images of each column, in the order of [`Image`].
    pub(crate) fn images(&self) -> impl Iterator<Item = [Option<&'a AnyColumn>; 4]> {
        let columns = 0..self.columns.len();
        columns.map(|column| self.images.each_ref().map(|image| image[column]))
    }

    /// What the key of a version was before it was changed, as the connector says it.
    pub(crate) fn old_key(&self, version: &RowVersion) -> Option<&'a str> {
        match version.image == Image::After && !version.is_deleted {
            true => self.old_key?.get(version.row as usize),
            false => None,
        }
    }

    /// What the event at `row` does.
    pub(crate) fn read(&self, row: usize) -> Result<Event, Refusal> {
        let Some(change) = self.change(row)? else {
            return Ok(Event::Notice);
        };
        let image = match change {
            Change::Upsert | Change::Read | Change::Update => Image::After,
            Change::Truncate => Image::Nothing,
            Change::Delete => self.deleted_image(row)?,
        };
        self.check_key(image, change, row)?;
        let event_time_us = self.event_time(row)?;
        let place = self.place(change, row)?;
        let version = |image, is_deleted| RowVersion {
            image,
            row: row as u32,
            event_time_us,
            place,
            is_deleted,
            is_truncate: change == Change::Truncate,
        };
        let changes_key = change == Change::Update && self.changes_key(row);
        let old_key = changes_key.then(|| version(Image::Before, true));
        Ok(Event::Row(
            old_key,
            version(image, change == Change::Delete),
        ))
    }

    /// Where a delete has its key. Beside the source's own key its row before may be made up: a
    /// column that the record's key lacks is not known by it.
    fn deleted_image(&self, row: usize) -> Result<Image, Refusal> {
        if !self.has_key(Image::Before, row) {
            return Ok(Image::Key);
        }
        let is_told =
            self.paths.before == Before::Full || self.has_record_key.get(row) != Some(true);
        let mut key = self.key(Image::Key).filter(|_| !is_told);
        let Some((column, _)) = key.find(|(_, values)| values.is_absent(row)) else {
            return Ok(Image::Before);
        };
        let message = format!(
            "the record's key has no `{}`, and what a delete says of its row beside that key may \
             be made up: let the connector write keys that have it, as JSON (key.converter = \
             JsonConverter; message.key.columns, of what the table's replica identity has); or set \
             before = \"full\" where the row before is whole (REPLICA IDENTITY FULL, or another \
             connector than Postgres')",
            column.source
        );
        Err(Refusal::new(Refusal::MISSING_KEY, message))
    }

    fn change(&self, row: usize) -> Result<Option<Change>, Refusal> {
        if self.tombstone.get(row) == Some(true) {
            // An envelope's delete came before it. A flat one may have come, and may not: where it
            // needs a place in Postgres' log, which it has not, it is refused, not passed over.
            let deletes = self.paths.shape == Shape::Flat || self.paths.version == Version::Offset;
            return Ok(deletes.then_some(Change::Delete));
        }
        let is_deleted = |column: &Column<Text>| column.get(row) == Some("true");
        if self.deleted.is_some_and(is_deleted) {
            return Ok(Some(Change::Delete));
        }
        match self.op.get(row) {
            Some("c") => Ok(Some(Change::Upsert)),
            Some("u") => Ok(Some(Change::Update)),
            Some("r") => Ok(Some(Change::Read)),
            Some("d") => Ok(Some(Change::Delete)),
            Some("t") => Ok(Some(Change::Truncate)),
            Some("m") => Ok(None),
            None if self.is_flat_row(row) => Ok(Some(Change::Upsert)),
            None if self.is_notice(row) => Ok(None),
            _ => Err(self.unknown_op(row)),
        }
    }

    fn is_flat_row(&self, row: usize) -> bool {
        let mut columns = self.images[Image::After as usize].iter().flatten();
        self.paths.shape == Shape::Flat && columns.any(|column| !column.is_absent(row))
    }

    /// A heartbeat, the begin or end of a transaction, or a change of a schema: a time and no
    /// operation. A row in the other shape than the config's may have a time, too, but also a key.
    fn is_notice(&self, row: usize) -> bool {
        let has_time = self.notice.is_some_and(|column| column.get(row).is_some());
        // Its key is an `id`, as that of many rows.
        let is_of_transaction = |column: &AnyColumn| !column.is_absent(row);
        has_time
            && (self.transaction.is_some_and(is_of_transaction)
                || !self.has_key(Image::Key, row) && !self.has_row_key(row))
    }

    /// Whether a row stands in the place of an envelope.
    fn has_row_key(&self, row: usize) -> bool {
        let mut key = self.row_key.iter();
        !self.row_key.is_empty() && key.all(|values| !values.is_null(row))
    }

    fn key(&self, image: Image) -> impl Iterator<Item = (&'a RowColumn, &'a AnyColumn)> {
        let columns = &self.images[image as usize];
        let at = self.key.iter();
        at.filter_map(move |&at| Some((&self.columns[at], columns[at]?)))
    }

    fn has_key(&self, image: Image, row: usize) -> bool {
        self.key(image).all(|(_, values)| !values.is_null(row))
    }

    /// Whether the event has a whole key in `before`, and another than in `after`.
    fn changes_key(&self, row: usize) -> bool {
        self.paths.shape == Shape::Envelope
            && self.has_key(Image::Before, row)
            && !self
                .key(Image::Before)
                .zip(self.key(Image::After))
                .all(|((_, before), (_, after))| before.same_value(row, after, row))
    }

    fn check_key(&self, image: Image, change: Change, row: usize) -> Result<(), Refusal> {
        let Some((column, values)) = self.key(image).find(|(_, values)| values.is_null(row)) else {
            return Ok(());
        };
        let event = self.name(change, row);
        let place = &self.paths.image_names[image as usize];
        let mut columns = self.images[image as usize].iter().flatten();
        if columns.all(|values| values.is_absent(row)) {
            let message = match image {
                Image::Key => format!(
                    "{event} has its key neither in {} nor in {place}",
                    self.paths.image_names[Image::Before as usize]
                ),
                _ => format!("{event} needs a row in {place}, and there is none"),
            };
            return Err(Refusal::new(Refusal::MISSING_ROW, message));
        }
        let how = match values.is_absent(row) {
            true => "missing",
            false => "null",
        };
        let message = format!(
            "key column `{}` is {how} in {place} ({event})",
            column.source
        );
        Err(Refusal::new(Refusal::MISSING_KEY, message))
    }

    fn event_time(&self, row: usize) -> Result<i64, Refusal> {
        let mut times = self.times.iter();
        let time = times.find_map(|(column, unit)| Some(column.get(row)?.saturating_mul(*unit)));
        time.ok_or_else(|| {
            let paths: Vec<&str> = self
                .paths
                .times
                .iter()
                .map(|(path, _)| path.as_str())
                .collect();
            let message = format!("there is no event time in `{}`", paths.join("`, `"));
            Refusal::new(Refusal::MISSING_TIME, message)
        })
    }

    /// See [`RowVersion::place`]. A snapshot's row may have no place of its own.
    fn place(&self, change: Change, row: usize) -> Result<[i64; 2], Refusal> {
        if self.paths.version != Version::Postgres {
            return Ok([0; 2]);
        }
        let mut sequences = self.sequences.iter();
        let sequence = sequences.find_map(|column| column.get(row));
        let [commit, change_place] = match sequence.map(|text| (text, spelling::sequence(text))) {
            None => [None; 2],
            Some((_, Some(places))) => places,
            Some((text, None)) => {
                let message = format!(
                    "`{}` is `{}`, and not two places in Postgres' log: where another connector \
                     writes it, set version = \"offset\"",
                    self.paths.sequences.join("`, `"),
                    quoted(text)
                );
                return Err(Refusal::new(Refusal::MISSING_VERSION, message));
            }
        };
        let mut lsns = self.lsns.iter();
        let lsn = lsns.find_map(|column| column.get(row)).or(change_place);
        let commit = commit.or(lsn);
        match (commit, change, lsn) {
            (Some(commit), Change::Read, _) => Ok([commit, 0]),
            (Some(commit), _, Some(lsn)) => Ok([commit, lsn]),
            _ => {
                let mut message = format!(
                    "{} has no place in Postgres' log (`{}`): for another connector, or where \
                     values are flat without it, set version = \"offset\"",
                    self.name(change, row),
                    self.paths.lsns.join("`, `")
                );
                if self.tombstone.get(row) == Some(true) {
                    message.push_str(
                        "; where a value with `__deleted` came before it, leave `tombstone` out \
                         under [source]",
                    );
                }
                Err(Refusal::new(Refusal::MISSING_VERSION, message))
            }
        }
    }

    fn unknown_op(&self, row: usize) -> Refusal {
        let path = &self.paths.op;
        let message = match self.op.get(row) {
            Some(op) => format!("`{path}` is `{}`, not one of c, u, d, r, t, m", quoted(op)),
            None if self.paths.shape == Shape::Flat => {
                "the value has none of the row's columns, and no operation: where it is an \
                 envelope, leave `shape` out"
                    .to_owned()
            }
            None => format!(
                "`{path}` is missing: where the value is the row alone, set shape = \"flat\""
            ),
        };
        Refusal::new(Refusal::UNKNOWN_OP, message)
    }

    /// What a message calls the event.
    fn name(&self, change: Change, row: usize) -> String {
        match self.op.get(row) {
            Some(op) => format!("op `{op}`"),
            None if change == Change::Delete => "a delete".to_owned(),
            None => "a row".to_owned(),
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
