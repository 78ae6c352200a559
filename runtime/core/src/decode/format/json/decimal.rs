//! A decimal number, or a list, as it stands in a document.

use super::place::Place;
use crate::decode::form::{Elements, Form};
use crate::decode::leaf::{Leaf, unscaled};
use crate::decode::list::{ListFault, ListStyle, VariableScale, write_list};
use crate::decode::slot::Slot;
use crate::decode::spelling::number;

impl<'r> Place<'_, '_, 'r> {
    /// Takes a list with elements that say by themselves what they are. What is no list stays.
    pub(super) fn list(self, leaf: Leaf, json: &'r str, elements: Elements) {
        let row = &mut *self.walk.row;
        let start = row.scratch.len();
        let style = ListStyle::Json;
        match write_list(
            json,
            elements,
            None,
            style,
            &mut row.scratch,
            &mut row.bytes,
        ) {
            Ok(()) => {
                row.slots[leaf.slot] = Slot::Unescaped {
                    start,
                    end: row.scratch.len(),
                };
            }
            Err(ListFault::NoList) => row.slots[leaf.slot] = Slot::Text(json),
            Err(ListFault::Element(_) | ListFault::Digits(_)) => {
                self.wrong("an element that is not of its schema")
            }
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
                VariableScale::read(json).and_then(|VariableScale { scale, value }| {
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
