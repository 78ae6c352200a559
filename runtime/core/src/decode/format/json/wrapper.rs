//! What Connect's JSON converter writes with schemas: `{"schema": .., "payload": ..}`.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};

use super::place::{Place, Walk};
use super::skip::{DocumentGuard, Skip};
use super::validate::validate;
use crate::decode::trie::Node;

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
pub(crate) fn is_first(letter: u8) -> bool {
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
pub(crate) fn schema_of_null(document: &[u8]) -> Option<&str> {
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
    validate(schema, &mut DocumentGuard::exact())
        .is_ok()
        .then_some(schema)
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

/// Reads a document's payload as if it were the document. An error where it is no wrapper.
pub(super) struct Wrapper<'a, 'w, 'r> {
    pub(super) walk: &'a mut Walk<'w, 'r>,
    pub(super) root: &'w Node,
}

impl<'r> DeserializeSeed<'r> for Wrapper<'_, '_, 'r> {
    type Value = ();

    fn deserialize<D: Deserializer<'r>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'r> Visitor<'r> for Wrapper<'_, '_, 'r> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a schema and a payload")
    }

    fn visit_map<A: MapAccess<'r>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { walk, root } = self;
        let (mut has_schema, mut has_payload) = (false, false);
        walk.guard.enter()?;
        while let Some(member) = map.next_key_seed(MemberName)? {
            match member {
                Member::Schema => {
                    has_schema = true;
                    map.next_value_seed(Skip(&mut walk.guard))?;
                }
                Member::Payload => {
                    has_payload = true;
                    map.next_value_seed(Place::new(&mut *walk, root))?;
                }
                Member::Other => return Err(A::Error::custom("no wrapper")),
            }
        }
        walk.guard.leave();
        match has_schema && has_payload {
            true => Ok(()),
            false => Err(A::Error::custom("no wrapper")),
        }
    }
}

enum Member {
    Schema,
    Payload,
    Other,
}

struct MemberName;

impl<'de> DeserializeSeed<'de> for MemberName {
    type Value = Member;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Member, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for MemberName {
    type Value = Member;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Member, E> {
        Ok(match name {
            SCHEMA => Member::Schema,
            PAYLOAD => Member::Payload,
            _ => Member::Other,
        })
    }
}
