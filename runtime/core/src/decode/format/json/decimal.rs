//! A decimal number as it stands in a document.

use std::borrow::Cow;

use serde::Deserialize;

use super::place::Place;
use crate::decode::form::{Form, unscaled};
use crate::decode::slot::Slot;
use crate::decode::spelling::number;
use crate::decode::trie::Leaf;

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
