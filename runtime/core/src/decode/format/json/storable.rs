//! Whether Postgres can store what a document says.

use super::cursor::is_json;
use super::depth::Depth;
use super::escape::Unstorable;

/// What a document holds that no text of Postgres can. `None`: it is no JSON.
pub(crate) fn unstorable(text: &str) -> Option<Unstorable> {
    is_json(text, Depth::default()).then(|| Unstorable::of(text))
}

/// Whether a text of a document, which is JSON, holds U+0000.
pub(crate) fn holds_zero_byte(document: &str) -> bool {
    Unstorable::of(document).zero_byte
}
