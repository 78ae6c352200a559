//! A record's value or key in a format whose values only their schema tells apart.

use std::sync::Arc;

use super::avro::{self, AvroProgram};
use super::frame::{Framing, SchemaId, framed};
use super::malformed;
use super::schema_text::{Schema, SchemaTypes};
use crate::decode::misfit::Misfit;
use crate::decode::path::Part;
use crate::decode::slot::{RecordFault, Row};
use crate::decode::trie::Trie;
use crate::decode::unavailable::Placeholder;
use crate::record::Record;

/// So many schemas are kept: as many as the tables of a large database, each in a few versions.
const SCHEMAS_MAX: usize = 4_096;

/// What happens to records of a schema in which a path has an impossible type.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Deserialize,
    schemars::JsonSchema,
    serde::Serialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum OnMismatch {
    /// The partition halts before the first of them: it is every record's fault.
    #[default]
    Halt,
    /// They become dead letters with code `schema-mismatch`.
    DeadLetter,
}

/// A schema that records name and nobody has told yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WantedSchema {
    pub part: Part,
    pub id: SchemaId,
}

/// What is known of a schema that was wanted.
#[derive(Clone, Debug)]
pub enum FoundSchema {
    Known(Arc<Schema>),
    /// Nobody knows it, and why: its records are dead letters with code `unknown-schema`.
    Unknown(String),
    /// It cannot be read, and why: that is a mismatch.
    Unusable(String),
}

/// A schema in which declared paths have impossible types, or that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the {part} at offset {offset} is of the schema {id}, which does not fit: {why}; mend the \
     transform's columns, or set on_mismatch = \"dead-letter\" in [source.registry]"
)]
pub struct SchemaMismatch {
    pub part: &'static str,
    pub offset: i64,
    pub id: SchemaId,
    pub why: String,
}

/// The reads of one part of records, and a program for each schema.
#[derive(Debug)]
pub(crate) struct FramedDocument {
    part: Part,
    framing: Framing,
    on_mismatch: OnMismatch,
    trie: Trie,
    /// The newest is the first, more or less.
    known: Vec<(SchemaId, Known)>,
}

/// What is done with values of a schema.
#[derive(Debug)]
enum Known {
    Avro {
        program: AvroProgram,
        /// The reads that its values never have.
        missing: Vec<String>,
    },
    Unknown(String),
    Mismatch(String),
}

/// Why a part of a record cannot be read yet.
#[derive(Debug)]
pub(crate) enum NotYet {
    Missing(SchemaId),
    Mismatch(SchemaMismatch),
}

impl FramedDocument {
    pub(crate) fn new(part: Part, trie: Trie, framing: Framing, on_mismatch: OnMismatch) -> Self {
        Self {
            part,
            framing,
            on_mismatch,
            trie,
            known: Vec::new(),
        }
    }

    /// Lets what is done to the reads be done to them; what was compiled is forgotten.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Trie)) {
        change(&mut self.trie);
        self.known.clear();
    }

    /// Whether it can be read by now. A part that says of no schema can: it is what it is.
    #[inline]
    pub(crate) fn look(&self, record: &Record<'_>) -> Result<(), NotYet> {
        let Some(bytes) = self.part.of(record).filter(|bytes| !bytes.is_empty()) else {
            return Ok(());
        };
        let Ok((id, _)) = framed(record, (self.part, bytes), self.framing) else {
            return Ok(());
        };
        match self.find(id) {
            None => Err(NotYet::Missing(id)),
            Some(Known::Mismatch(why)) if self.on_mismatch == OnMismatch::Halt => {
                Err(NotYet::Mismatch(SchemaMismatch {
                    part: self.part.name(),
                    offset: record.offset,
                    id,
                    why: why.clone(),
                }))
            }
            Some(_) => Ok(()),
        }
    }

    #[inline]
    fn find(&self, id: SchemaId) -> Option<&Known> {
        let found = self.known.iter().find(|(known, _)| *known == id);
        found.map(|(_, known)| known)
    }

    /// Learns what was found.
    pub(crate) fn learn(&mut self, id: SchemaId, found: &FoundSchema) {
        let known = match found {
            FoundSchema::Known(schema) => self.compiled(schema),
            FoundSchema::Unknown(why) => Known::Unknown(why.clone()),
            FoundSchema::Unusable(why) => Known::Mismatch(why.clone()),
        };
        self.known.retain(|(old, _)| *old != id);
        self.known.truncate(SCHEMAS_MAX - 1);
        self.known.insert(0, (id, known));
    }

    fn compiled(&self, schema: &Schema) -> Known {
        let is_lenient = self.part == Part::Key;
        let SchemaTypes::Avro(types) = &schema.types;
        match avro::compile(types, &self.trie, is_lenient) {
            Err(why) => Known::Mismatch(why),
            Ok(compiled) if compiled.mismatches.is_empty() => Known::Avro {
                program: compiled.program,
                missing: compiled.missing,
            },
            Ok(compiled) => {
                let said = compiled.mismatches.iter().map(Misfit::to_string);
                Known::Mismatch(said.collect::<Vec<_>>().join("; "))
            }
        }
    }

    /// The schemas whose values lack some of what is read, with that.
    pub(crate) fn missing(&self) -> impl Iterator<Item = (WantedSchema, &[String])> {
        self.known.iter().filter_map(|(id, known)| match known {
            Known::Avro { missing, .. } if !missing.is_empty() => {
                let (part, id) = (self.part, *id);
                Some((WantedSchema { part, id }, missing.as_slice()))
            }
            _ => None,
        })
    }

    /// Whether the part, which is there, is no value at all.
    pub(crate) fn is_null(&self, record: &Record<'_>, bytes: &[u8]) -> bool {
        let Ok((id, value)) = framed(record, (self.part, bytes), self.framing) else {
            return bytes.is_empty();
        };
        if value.is_empty() && id == SchemaId::Given {
            return true;
        }
        match self.find(id) {
            Some(Known::Avro { program, .. }) => program.is_null(value),
            _ => false,
        }
    }

    /// Fills the slots of what is read of `bytes`, which are the part of `record`.
    pub(crate) fn walk<'r>(
        &mut self,
        record: &Record<'r>,
        bytes: &'r [u8],
        placeholder: &Placeholder,
        row: &mut Row<'r>,
    ) -> Result<(), RecordFault> {
        let framed = framed(record, (self.part, bytes), self.framing);
        let (id, value) = framed.map_err(|error| RecordFault {
            code: "not-framed",
            message: format!("{}: {error}", self.part.name()),
        })?;
        let at = self.known.iter().position(|(known, _)| *known == id);
        let at = at.ok_or_else(|| unknown(self.part, id, "nobody has asked for it"))?;
        self.known.swap(0, at);
        match &self.known[0].1 {
            Known::Avro { program, .. } => program
                .walk(value, placeholder, row)
                .map_err(|(why, at)| no_value(self.part, id, &why.to_string(), at)),
            Known::Unknown(why) => Err(unknown(self.part, id, why)),
            Known::Mismatch(why) => Err(RecordFault {
                code: "schema-mismatch",
                message: format!(
                    "{} is of the schema {id}, which does not fit: {why}",
                    self.part.name()
                ),
            }),
        }
    }
}

#[cold]
fn unknown(part: Part, id: SchemaId, why: &str) -> RecordFault {
    RecordFault {
        code: "unknown-schema",
        message: format!("{} is of the schema {id}: {why}", part.name()),
    }
}

#[cold]
fn no_value(part: Part, id: SchemaId, why: &str, at: usize) -> RecordFault {
    let part = part.name();
    malformed(format!(
        "{part} is no value of its schema {id}: {why}, at byte {at} behind the id"
    ))
}
