//! Values that have a type by themselves, as those of a binary format have, on their way into
//! slots.

use std::fmt::Write as _;

use super::form::{Form, advice};
use super::format::json;
use super::leaf::{FromText, Leaf};
use super::list::{ListStyle, write_list};
use super::meaning::Meaning;
use super::plain_json;
use super::slot::{Quoted, Row, Slot};
use super::spelling::number;
use super::unavailable::Placeholder;
use crate::column::LogicalType;

/// What a value is, whatever it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Physical {
    Boolean,
    Integer,
    Float,
    Text,
    Bytes,
    /// A record of a scale and an unscaled integer.
    ScaledInteger,
    /// A record, a list or a map.
    Composite,
}

/// A read of values of one type: where they go, and as what.
#[derive(Clone, Debug)]
pub(crate) struct TypedRead {
    pub(crate) leaf: Leaf,
    /// The path, for messages.
    pub(crate) path: Box<str>,
}

impl TypedRead {
    /// The read of values that are `physical` and mean this. `None`: nothing can be made of them.
    pub(crate) fn new(
        leaf: Leaf,
        path: &str,
        physical: Physical,
        meaning: Meaning,
    ) -> Option<Self> {
        let form = match (leaf.logical_type, physical, meaning) {
            // A UUID is sixteen bytes wherever it is bytes.
            (LogicalType::Uuid, Physical::Bytes, Meaning::Bytes) => Form::Uuid,
            (logical_type, ..) => meaning.form(logical_type, leaf.form)?,
        };
        let leaf = Leaf { form, ..leaf };
        fits(leaf, physical).then(|| Self {
            leaf,
            path: path.into(),
        })
    }

    /// Takes an integer.
    #[inline]
    pub(crate) fn integer(&self, row: &mut Row<'_>, value: i64) {
        let leaf = self.leaf;
        let slot = match leaf.logical_type {
            LogicalType::Float64 => Some(Slot::Float64(value as f64)),
            LogicalType::Decimal { .. } | LogicalType::Numeric => return self.digits(row, value),
            _ => leaf.of_integer(value),
        };
        match slot {
            Some(slot) => row.slots[leaf.slot] = slot,
            None => self.wrong(row, format_args!("number {value}")),
        }
    }

    fn digits(&self, row: &mut Row<'_>, value: impl std::fmt::Display) {
        let start = row.scratch.len();
        let _ = write!(row.scratch, "{value}");
        self.number_text(row, start);
    }

    /// Takes a number that was written behind `start` of the scratch.
    fn number_text(&self, row: &mut Row<'_>, start: usize) {
        let end = row.scratch.len();
        let digits = &row.scratch[start..end];
        match number::decimal(digits, self.leaf.logical_type) {
            Some(number::DecimalText::Same) => {
                row.slots[self.leaf.slot] = Slot::Unescaped { start, end };
            }
            Some(number::DecimalText::Word(word)) => row.slots[self.leaf.slot] = Slot::Text(word),
            None => {
                let found = format!("number {digits}");
                self.wrong(row, found);
            }
        }
    }

    /// Takes a number of double precision.
    pub(crate) fn float(&self, row: &mut Row<'_>, value: f64) {
        match self.leaf.logical_type {
            LogicalType::Float64 => row.slots[self.leaf.slot] = Slot::Float64(value),
            _ => {
                let start = row.scratch.len();
                plain_json::put_number(&mut row.scratch, value);
                self.number_text(row, start);
            }
        }
    }

    /// Takes a number of single precision: the shortest decimal number that is it, as in JSON.
    pub(crate) fn single(&self, row: &mut Row<'_>, value: f32) {
        self.float(row, plain_json::widened(value));
    }

    pub(crate) fn boolean(&self, row: &mut Row<'_>, value: bool) {
        row.slots[self.leaf.slot] = Slot::Boolean(value);
    }

    /// Takes a text that the record holds in one piece.
    #[inline]
    pub(crate) fn text<'r>(&self, row: &mut Row<'r>, text: &'r str, placeholder: &Placeholder) {
        if placeholder.is_text(text) {
            row.slots[self.leaf.slot] = Slot::Unsent;
        } else if !self.leaf.is_text() {
            self.other_text(row, text, Some(Slot::Text(text)));
        } else if memchr::memchr(0, text.as_bytes()).is_some() {
            row.zero_byte(self.leaf.slot, &self.path);
        } else {
            row.slots[self.leaf.slot] = Slot::Text(text);
        }
    }

    /// Takes a text of the schema's.
    pub(crate) fn symbol(&self, row: &mut Row<'_>, text: &str) {
        self.other_text(row, text, None);
    }

    fn other_text<'r>(&self, row: &mut Row<'r>, text: &str, kept: Option<Slot<'r>>) {
        let leaf = self.leaf;
        if leaf.form == Form::Document {
            return self.document(row, text, kept);
        }
        match (leaf.of_text(text, row.room()), kept) {
            (FromText::Slot(slot), _) => row.slots[leaf.slot] = slot,
            (FromText::Same, _) if text.contains('\0') => row.zero_byte(leaf.slot, &self.path),
            (FromText::Same, Some(slot)) => row.slots[leaf.slot] = slot,
            (FromText::Same, None) => row.unescaped(leaf.slot, text),
            (FromText::Nothing, _) => self.wrong(row, Quoted(text)),
        }
    }

    /// Takes a text that holds a JSON document.
    fn document<'r>(&self, row: &mut Row<'r>, text: &str, kept: Option<Slot<'r>>) {
        let slot = self.leaf.slot;
        match json::unstorable(text) {
            None => self.wrong(row, Quoted(text)),
            Some(found) if found.half_pair => row.half_pair(slot, &self.path),
            Some(found) if found.zero_byte => row.zero_byte(slot, &self.path),
            Some(_) => match kept {
                Some(kept) => row.slots[slot] = kept,
                None => row.unescaped(slot, text),
            },
        }
    }

    /// Takes bytes.
    pub(crate) fn bytes<'r>(&self, row: &mut Row<'r>, bytes: &'r [u8], placeholder: &Placeholder) {
        let leaf = self.leaf;
        let start = row.scratch.len();
        let is_number = matches!(leaf.form, Form::Unscaled { .. } | Form::Bits { .. });
        if !is_number && placeholder.is_bytes(bytes) {
            row.slots[leaf.slot] = Slot::Unsent;
            return;
        }
        let put = match (leaf.logical_type, leaf.form) {
            (LogicalType::Bytes, _) => {
                row.slots[leaf.slot] = Slot::Bytes(bytes);
                return;
            }
            (_, Form::Unscaled { scale }) => return self.unscaled(row, bytes, scale),
            (_, Form::Bits { length }) => number::bits(bytes, length, &mut row.scratch),
            (_, Form::Uuid) => put_uuid(bytes, &mut row.scratch),
            _ => {
                plain_json::put_base64(&mut row.scratch, bytes);
                Some(())
            }
        };
        let end = row.scratch.len();
        match put {
            Some(()) => row.slots[leaf.slot] = Slot::Unescaped { start, end },
            None => self.wrong(row, format_args!("{} bytes", bytes.len())),
        }
    }

    /// Takes a decimal number.
    pub(crate) fn unscaled(&self, row: &mut Row<'_>, unscaled: &[u8], scale: i32) {
        let (leaf, start) = (self.leaf, row.scratch.len());
        if number::unscaled(unscaled, scale, &mut row.scratch).is_none() {
            let bytes = unscaled.len();
            return self.wrong(
                row,
                format_args!("a number of {bytes} bytes and scale {scale}"),
            );
        }
        let end = row.scratch.len();
        match leaf.logical_type {
            LogicalType::Text => row.slots[leaf.slot] = Slot::Unescaped { start, end },
            LogicalType::Int64 => {
                let integer = super::shape::exact_integer(&row.scratch[start..end]);
                match integer {
                    Some(integer) => row.slots[leaf.slot] = Slot::Int64(integer),
                    None => {
                        let found = format!("number {}", &row.scratch[start..end]);
                        self.wrong(row, found);
                    }
                }
            }
            _ => self.number_text(row, start),
        }
    }

    /// Notes that the value is not of the read's type.
    #[cold]
    pub(crate) fn wrong(&self, row: &mut Row<'_>, found: impl std::fmt::Display) {
        row.wrong(self.leaf.slot, &self.path, self.leaf.logical_type, found);
    }
}

/// Whether a read in its form takes such values.
fn fits(leaf: Leaf, physical: Physical) -> bool {
    use LogicalType as T;
    let is_time = matches!(leaf.form, Form::Counted(_));
    let is_number = matches!(
        leaf.logical_type,
        T::Int64 | T::Float64 | T::Boolean | T::Decimal { .. } | T::Numeric
    );
    match (physical, leaf.logical_type) {
        (_, T::Json) => true,
        (Physical::Integer, _) => is_time || is_number && leaf.form == Form::Plain,
        (Physical::Float, T::Float64 | T::Decimal { .. } | T::Numeric) => leaf.form == Form::Plain,
        (Physical::Boolean, T::Boolean) => true,
        (Physical::Text, _) => true,
        (Physical::Bytes, T::Bytes | T::Uuid | T::Text) => true,
        (Physical::Bytes, _) => matches!(leaf.form, Form::Unscaled { .. }),
        (Physical::ScaledInteger, T::Decimal { .. } | T::Numeric) => true,
        _ => false,
    }
}

/// What a schema calls that nothing can be made of, with what can be done about it.
pub(crate) fn impossible(found: &str) -> String {
    format!("{found}{}", advice(found))
}

fn put_uuid(bytes: &[u8], out: &mut String) -> Option<()> {
    let uuid: [u8; 16] = bytes.try_into().ok()?;
    for (i, byte) in uuid.iter().enumerate() {
        let hyphen = if matches!(i, 4 | 6 | 8 | 10) { "-" } else { "" };
        let _ = write!(out, "{hyphen}{byte:02x}");
    }
    Some(())
}

/// Takes the JSON that was written behind `start` of the scratch.
pub(crate) fn put_document(
    read: &TypedRead,
    row: &mut Row<'_>,
    start: usize,
    placeholder: &Placeholder,
) {
    let slot = read.leaf.slot;
    let json = &row.scratch[start..];
    if placeholder.is_json(json) {
        row.slots[slot] = Slot::Unsent;
        return;
    }
    // No text that is written here has half of a surrogate pair.
    if json::holds_zero_byte(json) {
        return row.zero_byte(slot, &read.path);
    }
    let end = row.scratch.len();
    row.slots[slot] = match (json, read.leaf.form) {
        ("null", _) => Slot::Null,
        (_, Form::List(elements)) => {
            let list = row.scratch[start..].to_owned();
            let (text, bytes) = (&mut row.scratch, &mut row.bytes);
            if write_list(&list, elements, None, ListStyle::Json, text, bytes).is_err() {
                return read.wrong(row, "an element that is not of its schema");
            }
            Slot::Unescaped {
                start: end,
                end: row.scratch.len(),
            }
        }
        _ => Slot::Unescaped { start, end },
    };
}
