//! The keys of the rows that records are about which cannot be used.
//!
//! Such a record may be too large, no JSON, of a wrong type in some column, or rejected by the
//! normalizer: nothing but its key is looked for, and that in each place where a row's key stands.

use std::sync::Arc;

use arrow_array::Array;

use super::builder::ColumnBuilder;
use super::format::formats::Formats;
use super::format::framed::{FoundSchema, WantedSchema};
use super::path::below;
use super::reads::Reads;
use super::slot::{Row, Slot};
use super::{Decoder, JsonForms};
use crate::column::{Batch, Column, Field};
use crate::plan::{Plan, Roles};
use crate::record::{KEY_CUT_BYTES, Record, Records, Value};

/// Reads keys. It is not made for speed: few records are dead letters.
#[derive(Debug)]
pub(crate) struct KeyReader {
    /// The key's columns.
    key: Arc<[Field]>,
    fields: Arc<[Field]>,
    partition: i32,
    reads: Reads,
    images: Vec<Image>,
}

/// A place where a key stands.
#[derive(Debug)]
struct Image {
    /// For each column of the key its read.
    slots: Vec<usize>,
    /// Whether it is the record's key, which counts where the value tells none.
    is_record_key: bool,
}

/// Keys that were read.
#[derive(Debug)]
pub(crate) struct KeysFound {
    /// The key's columns, none of which is null.
    pub(crate) keys: Batch,
    /// Of each the record, as an index into the `Records`; ascending.
    pub(crate) records: Vec<u32>,
}

impl KeyReader {
    /// `None`: nobody knows where a key stands.
    ///
    /// A plan says it by its attributes `key-path`: as many paths as the key has columns, in their
    /// order, and so on for each further place. Where it does not, reads called as the key's
    /// columns have them, in any one object; and the record's key does.
    pub(crate) fn new(plan: &Plan, partition: i32) -> Option<Self> {
        let roles = plan.roles.as_ref()?;
        let key: Vec<Field> = roles
            .key
            .iter()
            .map(|name| plan.writes.iter().find(|f| f.name == *name).cloned())
            .collect::<Option<_>>()?;
        let mut fields: Vec<Field> = Vec::new();
        let mut images: Vec<Image> = Vec::new();
        let (places, are_said) = places(plan, roles);
        for paths in places {
            let Some(reads) = reads(plan, &key, &paths, are_said) else {
                continue;
            };
            let mut slot = |read: Field| match fields.iter().position(|f| f.name == read.name) {
                Some(slot) => slot,
                None => {
                    fields.push(read);
                    fields.len() - 1
                }
            };
            images.push(Image {
                is_record_key: paths.iter().any(|path| is_of_key(path)),
                slots: reads.into_iter().map(&mut slot).collect(),
            });
        }
        images.sort_by_key(|image| image.is_record_key);
        Some(Self {
            reads: Reads::new(&fields, partition, &Formats::default()).ok()?,
            partition,
            key: key.into(),
            fields: fields.into(),
            images,
        })
        .filter(|reader| !reader.images.is_empty() && !reader.key.is_empty())
    }

    /// Reads records in these formats. It comes before what is said of the forms of values.
    pub(crate) fn with_formats(self, formats: &Formats) -> Option<Self> {
        let reads = Reads::new(&self.fields, self.partition, formats).ok()?;
        Some(Self { reads, ..self })
    }

    /// Learns what was found of a schema.
    pub(crate) fn learn(&mut self, wanted: WantedSchema, found: &FoundSchema) {
        self.reads.learn(wanted, found);
    }

    /// Takes what `decoder` knows of the forms of values.
    pub(crate) fn with_forms(mut self, forms: JsonForms) -> Self {
        self.reads.take_forms(forms);
        self
    }

    /// The keys that the records at `indices`, which ascend, tell: several where a record has
    /// several, none where it tells none.
    pub(crate) fn read(
        &mut self,
        decoder: &Decoder,
        records: &Records,
        indices: impl Iterator<Item = u32>,
    ) -> KeysFound {
        let indices: Vec<u32> = indices.collect();
        let records = records.select(indices.iter().map(|&i| i as usize)).whole();
        let mut row = Row::new(self.fields.len(), Default::default());
        let column = |field: &Field| ColumnBuilder::new(field.logical_type, 0, 0);
        let mut columns: Vec<ColumnBuilder> = self.key.iter().map(column).collect();
        let mut of = Vec::new();
        for (record, index) in records.iter().zip(indices) {
            row.clear();
            self.fill(decoder, &record, &mut row);
            let mut is_told = false;
            for image in &self.images {
                let has = |slot: &usize| !row.slots[*slot].is_empty();
                if image.is_record_key && is_told || !image.slots.iter().all(has) {
                    continue;
                }
                is_told = true;
                of.push(index);
                for (column, slot) in columns.iter_mut().zip(&image.slots) {
                    column.append(&row, *slot);
                }
            }
        }
        let columns: Vec<Column> = columns.into_iter().map(ColumnBuilder::finish).collect();
        debug_assert!(columns.iter().all(|c| c.values.null_count() == 0));
        KeysFound {
            keys: Batch {
                rows: of.len(),
                fields: self.key.clone(),
                columns,
            },
            records: of,
        }
    }

    fn fill<'r>(&mut self, decoder: &'r Decoder, record: &Record<'r>, row: &mut Row<'r>) {
        let (mut record, is_cut) = (*record, record.cut.is_some());
        if !self.reads.have_schemas() {
            record.value = record.value.map(|v| Value::from(whole_values(v.rest())));
        }
        // What is cut off would make another key of it.
        record.key = record
            .key
            .filter(|key| !is_cut || key.len() < KEY_CUT_BYTES);
        let is_tombstone = decoder.value_form().is_tombstone(&record);
        let (fields, topic) = (&*self.fields, &*decoder.topic);
        let context = (fields, &decoder.placeholder);
        self.reads
            .fill_told(context, topic, &record, is_tombstone, row);
        for slot in &mut row.slots {
            if matches!(slot, Slot::Faulty) {
                *slot = Slot::Absent;
            }
        }
    }
}

/// The paths of each place, and whether the plan says them.
fn places(plan: &Plan, roles: &Roles) -> (Vec<Vec<String>>, bool) {
    let said = plan
        .attributes
        .iter()
        .filter(|(name, _)| name == "key-path");
    let said: Vec<String> = said.map(|(_, path)| path.clone()).collect();
    let Some(first) = roles.key.first() else {
        return (Vec::new(), false);
    };
    let are_said = !said.is_empty();
    let mut places: Vec<Vec<String>> = match are_said {
        true => {
            let places = said.chunks_exact(roles.key.len());
            places.map(<[String]>::to_vec).collect()
        }
        false => {
            let end = below("", first);
            let of = |object: &str| roles.key.iter().map(|name| below(object, name)).collect();
            let objects = plan.reads.iter();
            let objects = objects.filter_map(|read| read.name.strip_suffix(&end));
            let mut objects: Vec<&str> = objects.filter(|object| *object != "key").collect();
            // Several objects may be of several things, but for the two images of a row.
            if objects.len() > 1 {
                objects.retain(|object| is_image(object));
            }
            let mut places: Vec<Vec<String>> = objects.into_iter().map(of).collect();
            places.push(of("key"));
            if roles.key.len() == 1 {
                places.push(vec!["key".to_owned()]);
            }
            places
        }
    };
    let mut seen = Vec::new();
    places.retain(|place| {
        let is_new = !seen.contains(place);
        seen.push(place.clone());
        is_new
    });
    (places, are_said)
}

/// The reads of a place. `None`: a value there is something else than the key's.
fn reads(plan: &Plan, key: &[Field], paths: &[String], are_said: bool) -> Option<Vec<Field>> {
    let of = |(column, path): (&Field, &String)| {
        let read = plan.reads.iter().find(|read| read.name == *path);
        // Of what the normalizer does not read, only the record's key is known to be one.
        let is_key = match read {
            Some(read) => read.logical_type == column.logical_type,
            None => are_said || path.starts_with("key."),
        };
        is_key.then(|| Field {
            name: path.clone(),
            nullable: true,
            ..column.clone()
        })
    };
    key.iter().zip(paths).map(of).collect()
}

fn is_image(object: &str) -> bool {
    matches!(object.rsplit('.').next(), Some("before" | "after"))
}

fn is_of_key(path: &str) -> bool {
    path == "key" || path.starts_with("key.")
}

/// The beginning of a document, without a character or a number that may go on.
fn whole_values(document: &[u8]) -> &[u8] {
    let text = match std::str::from_utf8(document) {
        Ok(text) => text,
        Err(error) => {
            let (text, _) = document.split_at(error.valid_up_to());
            std::str::from_utf8(text).unwrap_or_default()
        }
    };
    let of_number = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E');
    text.trim_end_matches(of_number).as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::column::LogicalType;

    fn of(reads: &[&str]) -> Vec<Vec<String>> {
        let read = |name: &&str| Field {
            name: (*name).to_owned(),
            logical_type: LogicalType::Int64,
            nullable: true,
        };
        let plan = Plan {
            reads: reads.iter().map(read).collect(),
            ..Plan::default()
        };
        let roles = Roles {
            key: vec!["id".to_owned()],
            ..Roles::default()
        };
        let (mut places, are_said) = places(&plan, &roles);
        assert!(!are_said);
        places.retain(|place| !is_of_key(&place[0]));
        places
    }

    #[test]
    fn objects_of_several_things_are_no_places_of_the_key() {
        let both = [["value.before.id"], ["value.after.id"]].map(|place| place.map(String::from));
        assert_eq!(of(&["value.before.id", "value.after.id"]), both);
        assert_eq!(of(&["value.user.id"]), [["value.user.id"]]);
        assert!(of(&["value.order.id", "value.user.id"]).is_empty());
    }
}
