//! Which schema a value or key is of: what producers put before its bytes, or into headers.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::decode::path::Part;
use crate::record::Record;

/// Where a record says of which schema it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Framing {
    /// In a header of Apicurio's or Confluent's; else behind a zero byte, in the next four, or in
    /// the next eight where those four are zero.
    #[default]
    Auto,
    /// Nowhere: all are of one schema.
    None,
}

/// What a record says of its schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SchemaId {
    /// Behind a zero byte, in four bytes: Confluent's.
    Id(u32),
    /// Behind a zero byte, in eight bytes: Apicurio's `DefaultIdHandler`.
    Long(u64),
    /// In a header: of a schema's content.
    Content(u64),
    /// In a header: of a version of an artifact.
    Global(u64),
    /// In a header.
    Guid([u8; 16]),
    /// It says nothing: all are of the schema that was given.
    Given,
}

impl fmt::Display for SchemaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "{id}"),
            Self::Long(id) => write!(f, "{id} (of 64 bits)"),
            Self::Content(id) => write!(f, "content id {id}"),
            Self::Global(id) => write!(f, "global id {id}"),
            Self::Guid(guid) => {
                f.write_str("guid ")?;
                for (i, byte) in guid.iter().enumerate() {
                    let hyphen = if matches!(i, 4 | 6 | 8 | 10) { "-" } else { "" };
                    write!(f, "{hyphen}{byte:02x}")?;
                }
                Ok(())
            }
            Self::Given => f.write_str("that was given"),
        }
    }
}

/// A part of a record does not say of which schema it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotFramed {
    #[error(
        "no header names its schema, and it begins with `{{`, as JSON does: set {0}_format = \
         \"json\" under [source]"
    )]
    Json(&'static str),
    #[error(
        "no header names its schema, and its first five bytes are none of a registry's serializer, \
         a zero and the id of a schema: {0}_format under [source] says what it is"
    )]
    Other(&'static str),
}

const HEADERS: [[&[u8]; 3]; 2] = [
    [
        b"apicurio.value.contentId",
        b"apicurio.value.globalId",
        b"__value_schema_id",
    ],
    [
        b"apicurio.key.contentId",
        b"apicurio.key.globalId",
        b"__key_schema_id",
    ],
];

/// The schema of `bytes`, which are that part of `record`, and what lies behind what says it.
#[inline]
pub fn framed<'r>(
    record: &Record<'r>,
    (part, bytes): (Part, &'r [u8]),
    framing: Framing,
) -> Result<(SchemaId, &'r [u8]), NotFramed> {
    if framing == Framing::None {
        return Ok((SchemaId::Given, bytes));
    }
    let header = record.header_of(HEADERS[part as usize]);
    if let Some(id) = header.and_then(|(which, value)| of_header(which, value)) {
        return Ok((id, bytes));
    }
    of_prefix(bytes).ok_or_else(|| not_framed(part, bytes))
}

fn of_header(which: usize, value: &[u8]) -> Option<SchemaId> {
    match (which, value) {
        (0 | 1, value) => {
            let id = u64::from_be_bytes(value.try_into().ok()?);
            Some(match which {
                0 => SchemaId::Content(id),
                _ => SchemaId::Global(id),
            })
        }
        // The first byte is the version of what follows.
        (_, [1, guid @ ..]) => Some(SchemaId::Guid(guid.try_into().ok()?)),
        _ => None,
    }
}

#[inline]
fn of_prefix(bytes: &[u8]) -> Option<(SchemaId, &[u8])> {
    let (id, rest) = bytes.strip_prefix(&[0])?.split_first_chunk::<4>()?;
    let id = u32::from_be_bytes(*id);
    // No registry gives out the id 0.
    if id != 0 {
        return Some((SchemaId::Id(id), rest));
    }
    let (id, rest) = rest.split_first_chunk::<4>()?;
    match u32::from_be_bytes(*id) {
        0 => None,
        id => Some((SchemaId::Long(id.into()), rest)),
    }
}

#[cold]
fn not_framed(part: Part, bytes: &[u8]) -> NotFramed {
    match bytes.trim_ascii_start().first() {
        Some(b'{') => NotFramed::Json(part.name()),
        _ => NotFramed::Other(part.name()),
    }
}
