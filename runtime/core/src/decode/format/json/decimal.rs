//! A decimal number as it stands in a document.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;

use super::place::Place;
use crate::decode::form::Form;
use crate::decode::leaf::{Leaf, unscaled};
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
        let list = serde_json::from_str(json).ok();
        match list.and_then(|list| with_numbers(list, scale)) {
            Some(list) => row.unescaped(leaf.slot, &list.to_string()),
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

fn with_numbers(value: Value, scale: i32) -> Option<Value> {
    Some(match value {
        Value::Array(items) => {
            let items = items.into_iter().map(|item| with_numbers(item, scale));
            Value::Array(items.collect::<Option<_>>()?)
        }
        Value::String(text) => {
            let (mut bytes, mut digits) = (Vec::new(), String::new());
            base64(&text, &mut bytes)?;
            number::unscaled(&bytes, scale, &mut digits)?;
            Value::String(digits)
        }
        Value::Null => Value::Null,
        _ => return None,
    })
}
