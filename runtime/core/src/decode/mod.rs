//! From messages to columns: the declared document paths, projected in one walk.
//!
//! - [`path`]: what can be read, and from where;
//! - [`reads`]: what one record is asked, source by source: value, key, headers, metadata;
//! - [`trie`]: the reads of one document as the tree that a walk follows, compiled once;
//! - [`format`](self::format): how a value or key becomes a document, one folder a format;
//! - [`meaning`]: what values mean by the names that schemas give their types; [`conversion`]: what
//!   has a type by itself, as what is declared; [`misfit`]: reads that no record of a schema can
//!   answer; [`unready`]: records whose schemas nobody has told yet;
//! - [`form`](self::form): how a declared type stands in a document; [`leaf`]: a read, and what a
//!   value is as that; [`spelling`]: what text says; [`list`]: lists, and what they are of;
//!   [`plain_json`]: JSON that is written;
//! - [`no_value`]: what is no value, and [`unavailable`]: what stands for one that was not sent;
//! - [`slot`]: what a record says, kept apart until the whole record is known to be good;
//! - [`builder`]: columns of good records;
//! - [`key_reader`]: the keys of records that are not.

mod builder;
mod conversion;
mod form;
mod format;
mod key_reader;
mod leaf;
mod list;
mod meaning;
mod misfit;
mod no_value;
mod path;
mod plain_json;
mod reads;
mod scratch;
mod shape;
mod slot;
mod spelling;
mod tombstone;
mod trie;
mod unavailable;
mod unready;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::column::{Batch, Field};
use crate::dead_letter::{DeadLetter, Stage};
use crate::plan::Plan;
use crate::record::{CUT_BYTES, Cut, KEY_CUT_BYTES, Record, Records, Value};
use builder::ColumnBuilder;
pub use form::{Elements, JsonBytes, JsonDecimals, JsonForms, Unit};
pub use format::formats::{Format, Formats};
pub use format::frame::{Framing, NotFramed, SchemaId, framed};
pub use format::framed::{FoundSchema, OnMismatch, SchemaMismatch, WantedSchema};
pub use format::json::Heads;
pub(crate) use format::json::payload_behind;
pub use format::schema_text::{Schema, SchemaError, SchemaKind, SchemaReference, SchemaText};
pub(crate) use key_reader::{KeyReader, KeysFound};
pub use list::{ListFault, ListStyle, write_list};
pub(crate) use no_value::ValueForm;
pub use path::{Part, PathError, below, names};
pub use plain_json::base64;
use reads::Reads;
use slot::{RecordFault, Row, Unread};
pub use spelling::number::has_more_digits;
pub(crate) use spelling::number::put_number;
pub use spelling::time::instant;
pub use tombstone::Tombstone;
use unavailable::Placeholder;
pub use unready::{Unreadiness, Unready};

/// Projects the messages of one partition onto the columns that a normalizer reads.
///
/// A path that the record does not have (a name is missing, or a parent is missing or null) is
/// absent: null, and not present. A JSON `null` is null and present. Anything else that is not of
/// the declared type makes the record a dead letter, and so do a null and an absent value where the
/// read is not nullable. Names that occur twice in an object: the last one counts.
///
/// Around a document may lie Connect's wrapper, an object of `schema` and `payload` and nothing
/// else: paths begin below `payload` then, unless one of them names a member of the wrapper. Of a
/// key that is read by name and is no object nothing is known, but that a key with one read may be
/// that read's value by itself.
#[derive(Debug)]
pub struct Decoder {
    fields: Arc<[Field]>,
    reads: Reads,
    partition: i32,
    topic: Arc<str>,
    tombstone: Tombstone,
    placeholder: Placeholder,
    record_max_bytes: usize,
    /// Kept from batch to batch: what the record at hand does not hold in one piece.
    scratch: (String, Vec<u8>),
    /// The bytes of text in each column of the last batch, so that the next starts with enough
    /// room.
    text_bytes: Vec<usize>,
}

/// What became of a run of records.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// One row a usable record, in offset order; its fields are the reads.
    pub batch: Batch,
    /// The record of each row, as an index into the `Records`.
    pub records: Vec<u32>,
    /// Of each read the rows, in order, that name it, and say that its value was not sent.
    pub unsent: Vec<Vec<u32>>,
    /// The records that cannot be used, in offset order.
    pub dead_letters: Vec<DeadLetter>,
    /// Records without a value that were passed over.
    pub tombstones: u64,
}

impl Decoder {
    /// Compiles `reads`, whose names are document paths. A record beyond `record_max_bytes` (key,
    /// value and headers) is a dead letter.
    pub fn new(
        reads: &[Field],
        topic: &str,
        partition: i32,
        tombstone: Tombstone,
        record_max_bytes: usize,
    ) -> Result<Self, PathError> {
        Ok(Self {
            fields: reads.into(),
            reads: Reads::new(reads, partition, &Formats::default())?,
            partition,
            topic: topic.into(),
            tombstone,
            placeholder: Placeholder::default(),
            record_max_bytes,
            scratch: Default::default(),
            text_bytes: vec![0; reads.len()],
        })
    }

    /// Takes `text` for a value that the source did not send: itself, and in the spellings that
    /// Debezium gives it in columns of bytes, lists, maps and UUIDs. Such a value is absent. A JSON
    /// document that has it somewhere inside is a document.
    pub fn with_absent(self, text: Option<&str>) -> Self {
        let placeholder = text.filter(|t| !t.is_empty()).map(Placeholder::new);
        Self {
            placeholder: placeholder.unwrap_or_default(),
            ..self
        }
    }

    /// Reads records in these formats. It comes before what is said of the forms and of missing
    /// names.
    pub fn with_formats(self, formats: &Formats) -> Result<Self, PathError> {
        let reads = Reads::new(&self.fields, self.partition, formats)?;
        Ok(Self { reads, ..self })
    }

    /// Takes what is said of the forms in JSON that no schema tells.
    pub fn with_forms(mut self, forms: JsonForms) -> Self {
        self.reads.take_forms(forms);
        self
    }

    /// Takes what a plan says about names that an object in the value does not have: where the
    /// object is at a path of the plan's attributes `missing-is-null`, reads right below it are
    /// null, but those called as a column of the key.
    pub fn with_missing(mut self, plan: &Plan) -> Self {
        let key = plan.roles.as_ref().map_or(&[][..], |roles| &roles.key);
        for (_, path) in plan
            .attributes
            .iter()
            .filter(|(n, _)| n == "missing-is-null")
        {
            self.reads.null_where_missing(path, key);
        }
        self
    }

    /// What is no value.
    pub(crate) fn value_form(&self) -> ValueForm<'_> {
        ValueForm::new(&self.reads)
    }

    /// Looks whether the schemas of all records are known. `None`: they are, and all records can
    /// be decoded.
    pub fn look(&self, records: &Records) -> Option<Unready> {
        match self.reads.have_schemas() {
            true => Unready::of(&self.reads, records),
            false => None,
        }
    }

    /// Learns what was found of a schema, in the place of what was known of it.
    pub fn learn(&mut self, wanted: WantedSchema, found: &FoundSchema) {
        self.reads.learn(wanted, found);
    }

    /// The schemas that are known whose values lack some of the reads, with those.
    pub fn missing_paths(&self) -> Vec<(WantedSchema, &[String])> {
        self.reads.missing()
    }

    /// Walks each message once. Their schemas are known: see [`Decoder::look`]. `records` hold less
    /// than 2 GiB, which is what a column of text can, with each value in one piece.
    pub fn decode(&mut self, records: &Records) -> Decoded {
        let topic = self.topic.clone();
        let mut row = Row::new(self.fields.len(), std::mem::take(&mut self.scratch));
        let mut columns: Vec<ColumnBuilder> = self
            .fields
            .iter()
            .zip(&self.text_bytes)
            .map(|(f, &bytes)| ColumnBuilder::new(f.logical_type, records.len(), bytes))
            .collect();
        let mut rows = Vec::with_capacity(records.len());
        let mut dead_letters = Vec::new();
        let mut tombstones = 0;
        for (i, record) in records.iter().enumerate() {
            let is_tombstone = self.reads.is_tombstone(&record);
            if is_tombstone && self.tombstone == Tombstone::Ignore {
                tombstones += 1;
                continue;
            }
            row.clear();
            match self.fill(&topic, &record, is_tombstone, &mut row) {
                Ok(()) => {
                    for (i, column) in columns.iter_mut().enumerate() {
                        column.append(&row, i);
                    }
                    rows.push(i as u32);
                }
                Err(Unread::Fault(fault)) => dead_letters.push(dead_letter(i as u32, fault)),
                Err(Unread::InPieces) => return self.decode(&records.whole()),
            }
        }
        self.scratch = (row.scratch, row.bytes);
        self.text_bytes = columns.iter().map(ColumnBuilder::text_bytes).collect();
        let unsent = columns.iter_mut().map(ColumnBuilder::take_unsent).collect();
        let columns = columns.into_iter().map(ColumnBuilder::finish).collect();
        let batch = Batch {
            rows: rows.len(),
            fields: self.fields.clone(),
            columns,
        };
        Decoded {
            batch,
            records: rows,
            unsent,
            dead_letters,
            tombstones,
        }
    }

    fn fill<'r>(
        &mut self,
        topic: &'r str,
        record: &Record<'r>,
        is_tombstone: bool,
        row: &mut Row<'r>,
    ) -> Result<(), Unread> {
        let bytes = record
            .cut
            .map_or_else(|| record_bytes(record), |cut| cut.bytes);
        if bytes > self.record_max_bytes || record.cut.is_some() {
            let limit = self.record_max_bytes;
            let kept = match record.cut {
                None => String::new(),
                Some(Cut { hash, .. }) => format!(
                    "; the first {KEY_CUT_BYTES} bytes of the key and {CUT_BYTES} of the value are \
                     kept, and the SHA-256 of both begins with {hash:016x}"
                ),
            };
            let message = format!(
                "key, value and headers are {bytes} bytes together: the limit is {limit} \
                 (record_max_bytes){kept}"
            );
            return Err(Unread::Fault(RecordFault {
                code: "too-large",
                message,
            }));
        }
        let context = (&*self.fields, &self.placeholder);
        self.reads.fill(context, topic, record, is_tombstone, row)
    }
}

/// Decodes JSON texts as the values of records 0, 1, .. of partition 0 of a topic `sample`: a
/// rule's input for a test, without a broker.
pub fn decode_values(reads: &[Field], values: &[&str]) -> Result<Decoded, PathError> {
    let mut records = Records::default();
    for (offset, value) in values.iter().enumerate() {
        let value = Some(value.as_bytes());
        records.push(
            offset as i64,
            Some(offset as i64),
            None,
            value,
            std::iter::empty(),
        );
    }
    let mut decoder = Decoder::new(reads, "sample", 0, Tombstone::Ignore, usize::MAX)?;
    Ok(decoder.decode(&records))
}

fn record_bytes(record: &Record<'_>) -> usize {
    let length = |part: Option<&[u8]>| part.map_or(0, <[u8]>::len);
    let headers: usize = record
        .headers()
        .map(|(name, value)| name.len() + length(value))
        .sum();
    length(record.key) + record.value.map_or(0, Value::len) + headers
}

fn dead_letter(record: u32, fault: RecordFault) -> DeadLetter {
    DeadLetter {
        record,
        ordinal: 0,
        stage: Stage::Decode,
        code: fault.code.to_owned(),
        message: fault.message,
    }
}
