//! A decimal number as it stands in a document.

use std::borrow::Cow;

use serde::Deserialize;

use super::cursor::JsonCursor;
use super::depth::Depth;
use super::escape::unescape;
use super::place::Place;
use crate::decode::form::Form;
use crate::decode::leaf::{Leaf, unscaled};
use crate::decode::scratch::Scratch;
use crate::decode::slot::Slot;
use crate::decode::spelling::bytes::base64;
use crate::decode::spelling::number;

/// What Debezium writes for a `numeric` of no size: `VariableScaleDecimal`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VariableScale<'a> {
    scale: i32,
    /// The base64 of a signed integer.
    #[serde(borrow)]
    value: Cow<'a, str>,
}

impl<'r> Place<'_, '_, 'r> {
    /// Takes a list of decimal numbers, each the base64 of a signed integer, as one of numbers'
    /// texts.
    pub(super) fn unscaled_list(self, leaf: Leaf, json: &str, scale: i32) {
        let row = &mut *self.walk.row;
        let start = row.scratch.len();
        match numbers(json, scale, row.room()).filter(|()| json.starts_with('[')) {
            Some(()) => {
                let end = row.scratch.len();
                row.slots[leaf.slot] = Slot::Unescaped { start, end };
            }
            None => self.wrong("a list of other than decimal numbers in base64"),
        }
    }

    /// Takes the decimal number that `json`, which is not null, is: a number, a text or an object.
    pub(super) fn decimal(self, leaf: Leaf, json: &'r str) {
        let row = &mut *self.walk.row;
        let slot = match (json.as_bytes().first(), leaf.form) {
            (_, Form::Other(_)) => None,
            (Some(b'"'), _) => {
                let content = &json[1..json.len() - 1];
                return self.text(leaf, content, Some(Slot::Text(content)));
            }
            (Some(b'{'), _) => {
                serde_json::from_str(json)
                    .ok()
                    .and_then(|VariableScale { scale, value }| {
                        unscaled(&value, scale, leaf.logical_type, row.room())
                    })
            }
            _ => number::decimal(json, leaf.logical_type).map(|_| Slot::Text(json)),
        };
        match (slot, json.as_bytes().first()) {
            (Some(slot), _) => row.slots[leaf.slot] = slot,
            (None, Some(b'{')) => self.wrong("an object"),
            (None, Some(b'[')) => self.wrong("an array"),
            (None, Some(b't' | b'f')) => self.wrong(format_args!("boolean {json}")),
            (None, _) => self.wrong(format_args!("number {json}")),
        }
    }
}

/// Appends to `scratch` the list `json`, which is JSON, with numbers' texts in the place of their
/// base64. `None`: something else is in it.
fn numbers(json: &str, scale: i32, scratch: Scratch<'_>) -> Option<()> {
    let mut cursor = JsonCursor::new(json, Depth::default());
    loop {
        match cursor.token() {
            mark @ (b'[' | b']' | b',') => {
                cursor.at += 1;
                scratch.text.push(char::from(mark));
            }
            b'n' => {
                cursor.word("null").ok()?;
                scratch.text.push_str("null");
            }
            b'"' => {
                let start = cursor.at;
                cursor.quoted().ok()?;
                let content = unescape(&json[start..cursor.at])?;
                let first = scratch.bytes.len();
                base64(&content, scratch.bytes)?;
                scratch.text.push('"');
                number::unscaled(&scratch.bytes[first..], scale, scratch.text)?;
                scratch.text.push('"');
                scratch.bytes.truncate(first);
            }
            _ => return (cursor.at == json.len()).then_some(()),
        }
    }
}
