//! The formats of values and keys, one folder each. A format validates the whole text and fills the
//! slots of what is read.

pub(super) mod json;

use super::slot::RecordFault;

/// Reads `bytes` as text; `what` names them in the message.
pub(super) fn utf8<'r>(what: &str, bytes: &'r [u8]) -> Result<&'r str, RecordFault> {
    std::str::from_utf8(bytes)
        .map_err(|e| malformed(format!("{what} is not UTF-8 at byte {}", e.valid_up_to())))
}

fn malformed(message: String) -> RecordFault {
    RecordFault {
        code: "malformed",
        message,
    }
}
