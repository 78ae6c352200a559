//! What Connect's JSON converter writes with schemas: `{"schema": .., "payload": ..}`.

use super::cursor::is_json;
use super::depth::Depth;
use super::escape::unescape;
use super::exact::ExactReader;

pub(super) const SCHEMA: &str = "schema";
pub(super) const PAYLOAD: &str = "payload";

/// Whether a document may be a wrapper, by the first name in it.
#[inline]
pub(super) fn begins(text: &str) -> bool {
    // Nearly every document begins with another name.
    let may_begin = !matches!(text.as_bytes(), [b'{', b'"', first, ..] if !is_first(*first));
    may_begin && has_first_name(text)
}

/// Whether one of the names begins with it.
#[inline]
pub(super) fn is_first(letter: u8) -> bool {
    matches!(letter, b's' | b'p')
}

#[inline(never)]
fn has_first_name(text: &str) -> bool {
    let names = ["\"schema\"", "\"payload\""];
    names
        .iter()
        .any(|name| behind(text, &["{", name]).is_some())
}

/// The schema of a wrapper around `null`; none where `document`, which has no white space around
/// it, is none.
pub(super) fn schema_of_null(document: &[u8]) -> Option<&str> {
    let members = document.strip_suffix(b"}")?.trim_ascii_end();
    let first = members.strip_prefix(b"{")?.trim_ascii_start();
    // A look at both ends tells nearly every document apart.
    if !members.ends_with(b"null") && !first.starts_with(b"\"payload\"") {
        return None;
    }
    let members = std::str::from_utf8(members).ok()?;
    let schema = behind(members, &["{", "\"schema\"", ":"])
        .and_then(|rest| before(rest, &[",", "\"payload\"", ":", "null"]))
        .or_else(|| {
            let head = ["{", "\"payload\"", ":", "null", ",", "\"schema\"", ":"];
            behind(members, &head)
        })?;
    // One value alone: so nothing else stands in the wrapper.
    is_json(schema, Depth::INSIDE).then_some(schema)
}

/// What follows these tokens, with which `text` begins.
fn behind<'a>(text: &'a str, tokens: &[&str]) -> Option<&'a str> {
    tokens.iter().try_fold(text, |rest, token| {
        rest.trim_ascii_start().strip_prefix(token)
    })
}

/// What precedes these tokens, with which `text` ends.
fn before<'a>(text: &'a str, tokens: &[&str]) -> Option<&'a str> {
    tokens.iter().rev().try_fold(text, |rest, token| {
        rest.trim_ascii_end().strip_suffix(token)
    })
}

/// A wrapper that has been read.
pub(super) struct Wrapper<'r> {
    /// The JSON of its schema.
    pub(super) schema: &'r str,
    pub(super) payload: &'r str,
    /// How many bytes lie before the payload.
    pub(super) head: usize,
    /// Whether nothing but white space and the end follows the payload.
    pub(super) ends: bool,
}

impl<'r> Wrapper<'r> {
    /// Takes a document apart. `None` where it is no wrapper, or no JSON.
    pub(super) fn of(text: &'r str) -> Option<Self> {
        Self::by(text, SCHEMA)
    }

    /// As [`Wrapper::of`], where the member beside the payload is called `schema`.
    fn by(text: &'r str, schema_name: &str) -> Option<Self> {
        let mut reader = ExactReader::new(text, Depth::INSIDE);
        let (mut schema, mut payload) = (None, None);
        let mut last;
        reader.skip("{").then_some(())?;
        loop {
            let (name, _) = reader.name()?;
            let name = unescape(name)?;
            reader.skip(":").then_some(())?;
            let value = reader.raw().ok()?;
            match &*name {
                name if name == schema_name => schema = Some(value),
                PAYLOAD => payload = Some((value, reader.at() - value.len())),
                _ => return None,
            }
            last = value;
            if !reader.skip(",") {
                break;
            }
        }
        reader.skip("}").then_some(())?;
        reader.end().ok()?;
        let (payload, head) = payload?;
        Some(Self {
            schema: schema?,
            payload,
            head,
            ends: std::ptr::eq(last, payload),
        })
    }
}

/// What lies in the wrapper of Apicurio's converter, `{"schemaId": .., "payload": ..}`, of which a
/// registry has the schema; a document that is none is that itself.
pub(crate) fn behind_schema_id(document: &[u8]) -> &[u8] {
    let names = ["\"schemaId\"", "\"payload\""];
    let text = std::str::from_utf8(document).ok();
    let may_be = text.filter(|text| names.iter().any(|n| behind(text, &["{", n]).is_some()));
    let wrapper = may_be.and_then(|text| Wrapper::by(text, "schemaId"));
    wrapper.map_or(document, |wrapper| wrapper.payload.as_bytes())
}

/// The payload of a document that begins with the head of another one, behind which `rest` lies.
/// Whether it is JSON, and one value alone, is not known.
#[inline]
pub(crate) fn payload_behind(rest: &[u8]) -> Option<&[u8]> {
    rest.trim_ascii_end().strip_suffix(b"}")
}
