//! The reads of one part of records, in the format that it has.

use super::formats::{Format, Formats};
use super::frame::{Framing, framed};
use super::framed::{FoundSchema, FramedDocument, NotYet, WantedSchema};
use super::json::{Document, behind_schema_id, is_no_value, is_no_value_behind};
use crate::decode::form::JsonForms;
use crate::decode::path::Part;
use crate::decode::slot::{RecordFault, Row, Unread};
use crate::decode::trie::Trie;
use crate::decode::unavailable::Placeholder;
use crate::record::{Record, Value};

use super::frame::SchemaId;

/// What fills the slots of the reads.
#[derive(Debug)]
pub(crate) enum PartReader {
    Json(Document),
    /// JSON behind a frame, or in the wrapper of Apicurio's, if there is one.
    FramedJson(Document, Part),
    Framed(FramedDocument),
}

impl PartReader {
    pub(crate) fn new(part: Part, trie: Trie, formats: &Formats) -> Self {
        let format = match part {
            Part::Value => formats.value,
            Part::Key => formats.key,
        };
        match format {
            Format::Json => Self::Json(Document::new(part, trie)),
            Format::JsonSchema => Self::FramedJson(Document::new(part, trie), part),
            Format::Avro => {
                let (framing, on_mismatch) = (formats.framing, formats.on_mismatch);
                Self::Framed(FramedDocument::new(part, trie, framing, on_mismatch))
            }
        }
    }

    /// Takes what is said of the forms that no schema tells.
    pub(crate) fn take_forms(&mut self, forms: JsonForms) {
        match self {
            Self::Json(document) | Self::FramedJson(document, _) => document.take_forms(forms),
            Self::Framed(document) => document.change(|trie| trie.take_forms(forms)),
        }
    }

    /// Makes reads right below the object at `path` null where it does not have them, but those
    /// called as one of `except`.
    pub(crate) fn null_where_missing(&mut self, path: &[String], except: &[String]) {
        match self {
            Self::Json(document) | Self::FramedJson(document, _) => {
                document.null_where_missing(path, except);
            }
            Self::Framed(document) => {
                document.change(|trie| trie.null_where_missing(path, except));
            }
        }
    }

    /// Whether its schema, if it has one, is known.
    #[inline]
    pub(crate) fn look(&self, record: &Record<'_>) -> Result<(), NotYet> {
        match self {
            Self::Json(_) | Self::FramedJson(..) => Ok(()),
            Self::Framed(document) => document.look(record),
        }
    }

    /// Whether it is worth a look.
    pub(crate) fn has_schemas(&self) -> bool {
        matches!(self, Self::Framed(_))
    }

    /// Learns what was found of a schema.
    pub(crate) fn learn(&mut self, id: SchemaId, found: &FoundSchema) {
        if let Self::Framed(document) = self {
            document.learn(id, found);
        }
    }

    /// The schemas whose values lack some of what is read, with that.
    pub(crate) fn missing(&self) -> Vec<(WantedSchema, &[String])> {
        match self {
            Self::Json(_) | Self::FramedJson(..) => Vec::new(),
            Self::Framed(document) => document.missing().collect(),
        }
    }

    /// Whether the value is none at all: nothing, or what says so.
    #[inline]
    pub(crate) fn is_null(&self, record: &Record<'_>, value: Value<'_>) -> bool {
        if value.head().is_some() {
            return !matches!(self, Self::Framed(_)) && is_no_value_behind(value.rest());
        }
        let value = value.rest();
        match self {
            Self::Json(_) => is_no_value(value),
            Self::FramedJson(_, part) => is_no_value(behind_frame(record, *part, value)),
            Self::Framed(document) => document.is_null(record, value),
        }
    }

    /// Makes sure that the whole value is good, and fills the slots of the reads.
    #[inline]
    pub(crate) fn walk_value<'r>(
        &mut self,
        record: &Record<'r>,
        value: Value<'r>,
        placeholder: &Placeholder,
        row: &mut Row<'r>,
    ) -> Result<(), Unread> {
        if let Self::Json(document) = self {
            return document.walk_value(value, placeholder, row);
        }
        if value.head().is_some() {
            return Err(Unread::InPieces);
        }
        let value = value.rest();
        match self {
            Self::Json(document) => document.walk(value, placeholder, row)?,
            Self::FramedJson(document, part) => {
                document.walk(behind_frame(record, *part, value), placeholder, row)?;
            }
            Self::Framed(document) => document.walk(record, value, placeholder, row)?,
        }
        Ok(())
    }

    /// As [`PartReader::walk_value`], of a key, which need not be what is read of it.
    pub(crate) fn walk_key<'r>(
        &mut self,
        record: &Record<'r>,
        key: &'r [u8],
        placeholder: &Placeholder,
        row: &mut Row<'r>,
    ) -> Result<(), RecordFault> {
        match self {
            Self::Json(document) => document.walk_key(key, placeholder, row),
            Self::FramedJson(document, part) => {
                document.walk_key(behind_frame(record, *part, key), placeholder, row)
            }
            Self::Framed(document) => match document.walk(record, key, placeholder, row) {
                // Of a key in another format nothing is known.
                Err(fault) if fault.code == "not-framed" => Ok(()),
                walked => walked,
            },
        }
    }
}

/// What lies behind a frame, all of it where there is none.
fn behind_frame<'r>(record: &Record<'r>, part: Part, bytes: &'r [u8]) -> &'r [u8] {
    let framed = framed(record, (part, bytes), Framing::Auto);
    behind_schema_id(framed.map_or(bytes, |(_, rest)| rest))
}
