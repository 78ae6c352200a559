//! Whether a piece of a document is JSON, by the reader that reads the rest.

use serde::de::DeserializeSeed;

use super::exact::ExactReader;
use super::skip::{DEPTH_MAX, DocumentGuard, Skip};

/// Walks the whole of `text`, which must be one JSON value. `guard` may already be some levels
/// deep.
pub(super) fn validate(text: &str, guard: &mut DocumentGuard) -> Result<(), String> {
    if guard.is_exact {
        let mut reader = ExactReader::new(text);
        let walked = Skip(guard).deserialize(&mut reader);
        return walked.and_then(|()| reader.end()).map_err(|e| e.0);
    }
    let mut deserializer = sonic_rs::Deserializer::from_str(text);
    let walked = Skip(guard).deserialize(&mut deserializer);
    walked
        .and_then(|()| deserializer.end())
        .map_err(|e| e.to_string())
}

/// Refuses text that nests too deeply for sonic-rs to find a value's end: it recurses without a
/// limit. `guard` may already be a level deep.
pub(super) fn check_depth(text: &str, mut guard: DocumentGuard) -> Result<(), String> {
    let opening = memchr::memchr2_iter(b'{', b'[', text.as_bytes()).count();
    match opening >= DEPTH_MAX as usize {
        true => validate(text, &mut guard),
        false => Ok(()),
    }
}
