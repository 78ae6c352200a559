//! Values that are kept as the document spells them: json, and decimals, whose digits a float would
//! lose.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, Visitor};

use super::shape;
use super::skip::{DEPTH_MAX, Guard, validate};
use super::slot::{Quoted, Slot};
use super::trie::Leaf;
use super::walk::At;
use crate::column::LogicalType;

/// By this name sonic-rs hands a newtype its text instead of its value: what its `LazyValue` asks
/// for, without the copy that one makes.
const LAZY_VALUE: &str = "$sonic_rs::LazyValue";

/// A value whose text is kept.
pub(super) struct Raw<'a, 'w, 'r> {
    pub(super) at: At<'a, 'w, 'r>,
    pub(super) leaf: Leaf,
}

/// Refuses text that nests too deeply for sonic-rs to find a value's end: it recurses without a
/// limit.
pub(super) fn check_depth(text: &str) -> sonic_rs::Result<()> {
    let opening = memchr::memchr2_iter(b'{', b'[', text.as_bytes()).count();
    match opening > DEPTH_MAX as usize {
        true => validate(text, &mut Guard::default()),
        false => Ok(()),
    }
}

impl<'r> DeserializeSeed<'r> for Raw<'_, '_, 'r> {
    type Value = ();

    fn deserialize<D: Deserializer<'r>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_newtype_struct(LAZY_VALUE, self)
    }
}

impl<'r> Visitor<'r> for Raw<'_, '_, 'r> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value's text")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'r str) -> Result<(), E> {
        let Self { mut at, leaf } = self;
        let zero_byte = walk_again(&mut at, text).map_err(E::custom)?;
        match (leaf.logical_type, text.as_bytes().first()) {
            (_, Some(b'n')) => at.set(Slot::Null),
            (LogicalType::Decimal { precision, scale }, first) => {
                let number = match first {
                    Some(b'"') => &text[1..text.len() - 1],
                    _ => text,
                };
                match shape::is_decimal(number, precision, scale) {
                    true => at.set(Slot::Text(number)),
                    false => wrong_decimal(at, text, number),
                }
            }
            _ if zero_byte => at.walk.row.zero_byte(leaf.slot, &at.node.path),
            _ => at.set(Slot::Text(text)),
        }
        Ok(())
    }

    /// A quoted text with escapes.
    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        let Self { at, leaf } = self;
        let content: String = sonic_rs::from_str(text).map_err(E::custom)?;
        if !at.node.below.is_empty() {
            At {
                walk: &mut *at.walk,
                node: at.node,
                leaf: None,
            }
            .wrong(Quoted(&content));
        }
        match leaf.logical_type {
            LogicalType::Decimal { precision, scale } => {
                match shape::is_decimal(&content, precision, scale) {
                    true => at.walk.row.unescaped(leaf.slot, &content),
                    false => at.wrong(Quoted(&content)),
                }
            }
            _ if content.contains('\0') => at.walk.row.zero_byte(leaf.slot, &at.node.path),
            _ => at.walk.row.unescaped(leaf.slot, text),
        }
        Ok(())
    }
}

/// Validates `text`, whose end alone is known so far, and fills the reads below it. Whether a text
/// or name in it holds U+0000.
fn walk_again<'r>(at: &mut At<'_, '_, 'r>, text: &'r str) -> sonic_rs::Result<bool> {
    let outer = std::mem::take(&mut at.walk.guard.zero_byte);
    if at.node.below.is_empty() {
        validate(text, &mut at.walk.guard)?;
    } else {
        let below = At {
            walk: &mut *at.walk,
            node: at.node,
            leaf: None,
        };
        let mut deserializer = sonic_rs::Deserializer::from_str(text);
        deserializer.deserialize_any(below)?;
    }
    let zero_byte = at.walk.guard.zero_byte;
    // Json may lie in json, of which a part has been walked already.
    at.walk.guard.zero_byte |= outer;
    Ok(zero_byte)
}

#[cold]
fn wrong_decimal(at: At<'_, '_, '_>, text: &str, content: &str) {
    match text.as_bytes().first() {
        Some(b'"') => at.wrong(Quoted(content)),
        Some(b'{') => at.wrong("an object"),
        Some(b'[') => at.wrong("an array"),
        Some(b't' | b'f') => at.wrong(format_args!("boolean {text}")),
        _ => at.wrong(format_args!("number {text}")),
    }
}
