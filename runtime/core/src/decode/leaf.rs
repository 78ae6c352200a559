//! A read, and what a value is as that.

use super::form::{Form, Unit};
use super::scratch::Scratch;
use super::shape::is_uuid;
use super::slot::Slot;
use super::spelling::number::DecimalText;
use super::spelling::{bytes, number, time, zulu};
use crate::column::LogicalType;

/// A read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaf {
    pub(super) slot: usize,
    pub(super) logical_type: LogicalType,
    pub(super) form: Form,
}

/// What text is as a value.
#[derive(Debug, PartialEq)]
pub(super) enum FromText {
    /// This.
    Slot(Slot<'static>),
    /// The text itself.
    Same,
    /// Nothing that the read takes.
    Nothing,
}

impl Leaf {
    /// Whether any text is its value as it stands.
    #[inline]
    pub(super) fn is_text(self) -> bool {
        self.logical_type == LogicalType::Text && self.form == Form::Plain
    }

    /// Whether its value is a document.
    #[inline]
    pub(super) fn is_json(self) -> bool {
        self.logical_type == LogicalType::Json && self.form != Form::Document
    }

    /// Whether an integer is its value as it stands.
    pub(super) fn is_integer(self) -> bool {
        self.logical_type == LogicalType::Int64 && self.form == Form::Plain
    }

    /// Whether the value is kept as the document spells it: a number parsed and printed again may
    /// lose digits.
    pub(super) fn is_raw(self) -> bool {
        let is_raw = self.logical_type == LogicalType::Json || self.logical_type.is_decimal();
        is_raw && self.form != Form::Document
    }

    /// What an integer is as a value.
    #[inline]
    pub(super) fn of_integer(self, value: i64) -> Option<Slot<'static>> {
        match (self.logical_type, self.form) {
            (LogicalType::Int64, Form::Plain) => Some(Slot::Int64(value)),
            // Infinity to us, and to no source: they are numbers that no time has.
            (_, Form::Counted(_)) if matches!(value, i64::MIN | i64::MAX) => None,
            (_, Form::Counted(unit)) => counted(value, unit, self.logical_type).map(Slot::Int64),
            (LogicalType::Boolean, Form::Plain) => match value {
                0 | 1 => Some(Slot::Boolean(value == 1)),
                _ => None,
            },
            _ => None,
        }
    }

    /// What `text`, the content of a JSON text, is as a value.
    pub(super) fn of_text(self, text: &str, scratch: Scratch<'_>) -> FromText {
        use LogicalType as T;
        let slot = match (self.logical_type, self.form) {
            (_, Form::Other(_) | Form::UnscaledOnly) => None,
            (T::Text, Form::Plain) => return FromText::Same,
            (T::Uuid, _) if is_uuid(text) => return FromText::Same,
            (of_type, Form::Unscaled { scale }) => unscaled(text, scale, of_type, scratch),
            (T::Text, Form::Bits { length }) => bits(text, length, scratch),
            (_, Form::Base64) => in_bytes(text, bytes::base64, scratch),
            (_, Form::Hex) => in_bytes(text, bytes::hex, scratch),
            (T::Int64, _) => number::integer(text).map(Slot::Int64),
            (T::Float64, _) => number::float(text).map(Slot::Float64),
            (T::Boolean, _) => number::boolean(text).map(Slot::Boolean),
            (T::Decimal { .. } | T::Numeric, _) => match number::decimal(text, self.logical_type) {
                Some(DecimalText::Same) => return FromText::Same,
                Some(DecimalText::Word(word)) => Some(Slot::Text(word)),
                None => None,
            },
            (of_type, _) => of_time(text, of_type).map(Slot::Int64),
        };
        slot.map_or(FromText::Nothing, FromText::Slot)
    }
}

fn in_bytes(
    text: &str,
    read: fn(&str, &mut Vec<u8>) -> Option<()>,
    scratch: Scratch<'_>,
) -> Option<Slot<'static>> {
    let start = scratch.bytes.len();
    read(text, scratch.bytes)?;
    Some(Slot::Decoded {
        start,
        end: scratch.bytes.len(),
    })
}

fn bits(text: &str, length: u32, scratch: Scratch<'_>) -> Option<Slot<'static>> {
    let (first, start) = (scratch.bytes.len(), scratch.text.len());
    bytes::base64(text, scratch.bytes)?;
    number::bits(&scratch.bytes[first..], length, scratch.text)?;
    Some(Slot::Unescaped {
        start,
        end: scratch.text.len(),
    })
}

/// The decimal number that the base64 `text` is, where it fits `logical_type`.
pub(super) fn unscaled(
    text: &str,
    scale: i32,
    logical_type: LogicalType,
    scratch: Scratch<'_>,
) -> Option<Slot<'static>> {
    let (first, start) = (scratch.bytes.len(), scratch.text.len());
    bytes::base64(text, scratch.bytes)?;
    number::unscaled(&scratch.bytes[first..], scale, scratch.text)?;
    let end = scratch.text.len();
    let digits = &scratch.text[start..end];
    match logical_type {
        LogicalType::Text => Some(Slot::Unescaped { start, end }),
        LogicalType::Int64 => super::shape::exact_integer(digits).map(Slot::Int64),
        LogicalType::Decimal { .. } | LogicalType::Numeric => {
            number::decimal(digits, logical_type).map(|_| Slot::Unescaped { start, end })
        }
        _ => None,
    }
}

/// The time that a text says, in the unit of `logical_type`.
fn of_time(text: &str, logical_type: LogicalType) -> Option<i64> {
    match logical_type {
        LogicalType::TimestampUs | LogicalType::TimestampMs => {
            let instant = zulu::instant(text).or_else(|| time::instant(text));
            counted(instant?, Unit::Micros, logical_type)
        }
        LogicalType::Date => counted(time::date(text)?, Unit::Days, logical_type),
        LogicalType::TimeUs | LogicalType::TimeMs => {
            counted(time::time(text)?, Unit::Micros, logical_type)
        }
        _ => None,
    }
}

/// Converts a time to the unit of `logical_type`; what is finer is cut, to the earlier one. `None`:
/// 64 bits do not hold it.
#[inline]
pub(super) fn counted(value: i64, unit: Unit, logical_type: LogicalType) -> Option<i64> {
    use LogicalType as T;
    match logical_type {
        T::TimestampUs | T::TimestampMs | T::Date => {
            if let Some(infinity) = infinity(value, unit) {
                return Some(infinity);
            }
        }
        T::TimeUs | T::TimeMs => {}
        _ => return None,
    }
    let us = |value: i64, unit_us: i64| match logical_type {
        T::TimestampUs | T::TimeUs => value.checked_mul(unit_us),
        T::TimestampMs | T::TimeMs if unit_us >= 1_000 => value.checked_mul(unit_us / 1_000),
        T::TimestampMs | T::TimeMs => Some(value.div_euclid(1_000)),
        _ => None,
    };
    match (unit, logical_type) {
        (Unit::Days, T::Date) => Some(value),
        (Unit::Days, _) => us(value, 86_400_000_000),
        (Unit::Millis, _) => us(value, 1_000),
        (Unit::Micros, _) => us(value, 1),
        (Unit::Nanos, _) => us(value.div_euclid(1_000), 1),
    }
}

/// What Debezium and the JDBC driver of PostgreSQL make of its infinities (seen in 3.6.1; the time
/// stamps are `PGStatement.DATE_POSITIVE_INFINITY` and its negative, in milliseconds taken for
/// microseconds, the dates the same number and the largest of 32 bits after an overflow). No date
/// of PostgreSQL is so early, and an instant is so far away for no other reason.
#[inline]
fn infinity(value: i64, unit: Unit) -> Option<i64> {
    // Nearly every time is near.
    if unit != Unit::Days && value.unsigned_abs() < 9_223_372_036_825_200 {
        return None;
    }
    match (unit, value) {
        (_, i64::MAX | i64::MIN) => Some(value),
        (Unit::Micros | Unit::Millis, 9_223_372_036_825_200_000)
        | (Unit::Millis, 9_223_372_036_825_200)
        | (Unit::Days, -2_147_472_692 | -622_191_234) => Some(i64::MAX),
        (Unit::Micros | Unit::Millis, -9_223_372_036_832_400_000)
        | (Unit::Millis, -9_223_372_036_832_400)
        | (Unit::Days, -2_147_472_691) => Some(i64::MIN),
        _ => None,
    }
}
