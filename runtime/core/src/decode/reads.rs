//! What a decoder looks for in each record, by source.

use super::form::JsonForms;
use super::format::formats::Formats;
use super::format::framed::{FoundSchema, NotYet, WantedSchema};
use super::format::part_reader::PartReader;
use super::format::utf8;
use super::path::{ColumnSource, Part, PathError, names};
use super::slot::{Row, Slot, Unread};
use super::trie::Trie;
use super::unavailable::Placeholder;
use crate::column::{Field, LogicalType};
use crate::record::{Record, Value};

/// Reads by where they come from. A read's slot is its place among the decoder's fields.
#[derive(Debug)]
pub(super) struct Reads {
    value: Option<PartReader>,
    key: Option<PartReader>,
    bytes: Vec<(Part, usize)>,
    headers: Vec<(String, usize)>,
    meta: Vec<(Meta, usize)>,
    /// Slots that may not stay empty.
    required: Vec<usize>,
}

#[derive(Clone, Copy, Debug)]
enum Meta {
    Topic,
    Partition(i32),
    Offset,
    Timestamp,
    Tombstone,
    HasKey,
}

impl Reads {
    pub(super) fn new(
        fields: &[Field],
        partition: i32,
        formats: &Formats,
    ) -> Result<Self, PathError> {
        let (mut value, mut key) = (Trie::new("value"), Trie::new("key"));
        let (mut bytes, mut headers, mut meta) = (Vec::new(), Vec::new(), Vec::new());
        for (slot, field) in fields.iter().enumerate() {
            if fields[..slot].iter().any(|f| f.name == field.name) {
                return Err(PathError::Twice {
                    path: field.name.clone(),
                });
            }
            match ColumnSource::of(field)? {
                ColumnSource::Document {
                    part: Part::Value,
                    names,
                } => value.insert(&names, field, slot)?,
                ColumnSource::Document {
                    part: Part::Key,
                    names,
                } => key.insert(&names, field, slot)?,
                // A text within a frame, too, is what the frame says.
                ColumnSource::Bytes(part) if formats.are_typed(part, field.logical_type) => {
                    match part {
                        Part::Value => value.insert(&[], field, slot)?,
                        Part::Key => key.insert(&[], field, slot)?,
                    }
                }
                ColumnSource::Bytes(part) => bytes.push((part, slot)),
                ColumnSource::Header(name) => headers.push((name, slot)),
                ColumnSource::Topic => meta.push((Meta::Topic, slot)),
                ColumnSource::Partition => meta.push((Meta::Partition(partition), slot)),
                ColumnSource::Offset => meta.push((Meta::Offset, slot)),
                ColumnSource::Timestamp => meta.push((Meta::Timestamp, slot)),
                ColumnSource::Tombstone => meta.push((Meta::Tombstone, slot)),
                ColumnSource::HasKey => meta.push((Meta::HasKey, slot)),
            }
        }
        value.check()?;
        key.check()?;
        key.allow_bare();
        let required = fields
            .iter()
            .enumerate()
            .filter(|(_, f)| !f.nullable)
            .map(|(i, _)| i);
        Ok(Self {
            value: (!value.is_empty()).then(|| PartReader::new(Part::Value, value, formats)),
            key: (!key.is_empty()).then(|| PartReader::new(Part::Key, key, formats)),
            bytes,
            headers,
            meta,
            required: required.collect(),
        })
    }

    pub(super) fn take_forms(&mut self, forms: JsonForms) {
        for document in self.value.iter_mut().chain(&mut self.key) {
            document.take_forms(forms);
        }
    }

    /// Whether the record has no value, or one that says so. Where values are not read, or not as
    /// documents, only Kafka's null is none.
    #[inline]
    pub(super) fn is_tombstone(&self, record: &Record<'_>) -> bool {
        match (record.value, &self.value) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(value), Some(reader)) => reader.is_null(record, value),
        }
    }

    /// Whether records have to be looked at before they are read.
    pub(super) fn have_schemas(&self) -> bool {
        let parts = [&self.value, &self.key];
        parts.into_iter().flatten().any(PartReader::has_schemas)
    }

    /// Whether the schemas of a record are known.
    pub(super) fn look(&self, record: &Record<'_>) -> Result<(), (Part, NotYet)> {
        let parts = [(Part::Value, &self.value), (Part::Key, &self.key)];
        for (part, reader) in parts {
            if let Some(reader) = reader {
                reader.look(record).map_err(|not_yet| (part, not_yet))?;
            }
        }
        Ok(())
    }

    /// The schemas whose values lack some of what is read, with that.
    pub(super) fn missing(&self) -> Vec<(WantedSchema, &[String])> {
        let parts = [&self.value, &self.key].into_iter().flatten();
        parts.flat_map(PartReader::missing).collect()
    }

    /// Learns what was found of a schema.
    pub(super) fn learn(&mut self, wanted: WantedSchema, found: &FoundSchema) {
        let reader = match wanted.part {
            Part::Value => &mut self.value,
            Part::Key => &mut self.key,
        };
        if let Some(reader) = reader {
            reader.learn(wanted.id, found);
        }
    }

    /// Makes reads right below the value's object at `path` null where the object does not have
    /// them, but those called as one of `except`.
    pub(super) fn null_where_missing(&mut self, path: &str, except: &[String]) {
        let names = match path.split_once('.') {
            None if path == "value" => Some(Vec::new()),
            Some(("value", rest)) => names(rest),
            _ => None,
        };
        if let (Some(document), Some(names)) = (&mut self.value, names) {
            document.null_where_missing(&names, except);
        }
    }

    /// Fills `row`, which is clear, from `record`, which has a value unless `is_tombstone`.
    pub(super) fn fill<'r>(
        &mut self,
        (fields, placeholder): (&[Field], &Placeholder),
        topic: &'r str,
        record: &Record<'r>,
        is_tombstone: bool,
        row: &mut Row<'r>,
    ) -> Result<(), Unread> {
        if let (Some(document), Some(value), false) = (&mut self.value, record.value, is_tombstone)
        {
            document.walk_value(record, value, placeholder, row)?;
        }
        if let (Some(document), Some(key)) = (&mut self.key, record.key) {
            document.walk_key(record, key, placeholder, row)?;
        }
        self.fill_bytes(fields, record, row)?;
        self.fill_headers(fields, record, row);
        self.fill_meta(topic, record, is_tombstone, row);
        for &slot in &self.required {
            let found = match row.slots[slot] {
                Slot::Absent | Slot::Unsent => "nothing",
                Slot::Null => "null",
                _ => continue,
            };
            row.wrong(slot, &fields[slot].name, fields[slot].logical_type, found);
        }
        match row.first_fault() {
            None => Ok(()),
            Some(fault) => Err(fault.clone().into()),
        }
    }

    /// As [`Reads::fill`], of a record that may be cut or no JSON, with its value in one piece:
    /// what is good comes into its slot.
    pub(super) fn fill_told<'r>(
        &mut self,
        (fields, placeholder): (&[Field], &Placeholder),
        topic: &'r str,
        record: &Record<'r>,
        is_tombstone: bool,
        row: &mut Row<'r>,
    ) {
        if let (Some(document), Some(value), false) = (&mut self.value, record.value, is_tombstone)
        {
            let _ = document.walk_value(record, value, placeholder, row);
        }
        if let (Some(document), Some(key)) = (&mut self.key, record.key) {
            let _ = document.walk_key(record, key, placeholder, row);
        }
        let _ = self.fill_bytes(fields, record, row);
        self.fill_headers(fields, record, row);
        self.fill_meta(topic, record, is_tombstone, row);
    }

    fn fill_meta<'r>(
        &self,
        topic: &'r str,
        record: &Record<'r>,
        is_tombstone: bool,
        row: &mut Row<'r>,
    ) {
        for &(meta, slot) in &self.meta {
            row.slots[slot] = match meta {
                Meta::Topic => Slot::Text(topic),
                Meta::Partition(partition) => Slot::Int64(partition.into()),
                Meta::Offset => Slot::Int64(record.offset),
                Meta::Timestamp => record.timestamp_ms.map_or(Slot::Absent, Slot::Int64),
                Meta::Tombstone => Slot::Boolean(is_tombstone),
                Meta::HasKey => Slot::Boolean(record.key.is_some()),
            };
        }
    }

    fn fill_bytes<'r>(
        &self,
        fields: &[Field],
        record: &Record<'r>,
        row: &mut Row<'r>,
    ) -> Result<(), Unread> {
        for &(part, slot) in &self.bytes {
            let bytes = match part {
                Part::Value if record.value.is_some_and(|v| v.head().is_some()) => {
                    return Err(Unread::InPieces);
                }
                Part::Value => record.value.map(Value::rest),
                Part::Key => record.key,
            };
            let Some(bytes) = bytes else { continue };
            if fields[slot].logical_type == LogicalType::Bytes {
                row.slots[slot] = Slot::Bytes(bytes);
                continue;
            }
            let text = utf8(part.name(), bytes)?;
            row.text(slot, &fields[slot], text);
        }
        Ok(())
    }

    fn fill_headers<'r>(&self, fields: &[Field], record: &Record<'r>, row: &mut Row<'r>) {
        if self.headers.is_empty() {
            return;
        }
        for (name, value) in record.headers() {
            let Some(&(_, slot)) = self.headers.iter().find(|(n, _)| n == name) else {
                continue;
            };
            match value.map(|bytes| utf8(&fields[slot].name, bytes)) {
                None => row.slots[slot] = Slot::Null,
                Some(Ok(text)) => row.text(slot, &fields[slot], text),
                Some(Err(fault)) => row.fault(slot, fault),
            }
        }
    }
}
