//! The formats of values and keys, one folder each. A format validates the whole text and fills the
//! slots of what is read.
//!
//! - [`formats`]: what a pipeline says of them; [`part_reader`]: the one that a part of records is
//!   in;
//! - [`frame`]: of which schema a record is; [`schema_text`]: a schema as a registry has it;
//!   [`framed`]: a program for each schema that records name;
//! - [`json`] and [`avro`]: the formats.

pub(super) mod avro;
pub(super) mod formats;
pub(super) mod frame;
pub(super) mod framed;
pub(super) mod json;
pub(super) mod part_reader;
pub(super) mod schema_text;

use super::slot::RecordFault;

/// Reads `bytes` as text; `what` names them in the message.
#[inline]
pub(super) fn utf8<'r>(what: &str, bytes: &'r [u8]) -> Result<&'r str, RecordFault> {
    simdutf8::basic::from_utf8(bytes).map_err(|_| no_utf8(what, bytes))
}

#[cold]
fn no_utf8(what: &str, bytes: &[u8]) -> RecordFault {
    let at = std::str::from_utf8(bytes).map_or_else(|e| e.valid_up_to(), str::len);
    malformed(format!("{what} is not UTF-8 at byte {at}"))
}

fn malformed(message: String) -> RecordFault {
    RecordFault {
        code: "malformed",
        message,
    }
}
