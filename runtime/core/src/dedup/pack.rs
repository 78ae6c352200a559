//! Values of several columns as one run of bytes whose order is the values' order.
//!
//! arrow-row does the same in 28 bytes instead of 21 for a text of 20 characters and 70 instead of
//! 17 for a UUID, at 5.6 ns a row instead of 4.3: more than `compact` holds inline; and it
//! would take two spellings of one UUID for two keys.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, BinaryArray, BooleanArray, Float64Array, Int64Array, StringArray};

use crate::column::{Column, LogicalType};
use crate::decode::put_number;

/// One run of bytes a row, end to end.
#[derive(Debug, Default)]
pub(crate) struct Packed {
    bytes: Vec<u8>,
    /// The end of each row's bytes; they start where the row before ends.
    ends: Vec<usize>,
}

impl Packed {
    /// Packs `columns` row by row: comparing two rows' bytes compares their values, first column
    /// first, null below everything. Of decimal numbers and documents bytes say no order, and only
    /// whether they are one number, or one text.
    pub(crate) fn new(columns: &[(LogicalType, &Column)], rows: usize) -> Self {
        let parts: Vec<_> = columns
            .iter()
            .map(|&(t, c)| PackedColumn::new(t, c))
            .collect();
        let mut packed = Self::with_capacity(rows, 16);
        for row in 0..rows {
            packed.push_row(|bytes| {
                for (i, part) in parts.iter().enumerate() {
                    part.pack(row, i + 1 == parts.len(), bytes);
                }
            });
        }
        packed
    }

    /// Room for `rows` of about `width` bytes each.
    pub(super) fn with_capacity(rows: usize, width: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(rows * width),
            ends: Vec::with_capacity(rows),
        }
    }

    /// Appends the row whose bytes `put` appends.
    pub(super) fn push_row(&mut self, put: impl FnOnce(&mut Vec<u8>)) {
        put(&mut self.bytes);
        self.ends.push(self.bytes.len());
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The row's bytes.
    pub(crate) fn get(&self, row: usize) -> &[u8] {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.bytes[start..self.ends[row]]
    }
}

/// A column, downcast once for all rows.
pub(super) struct PackedColumn<'a> {
    nulls: Option<&'a arrow_buffer::NullBuffer>,
    values: Typed<'a>,
}

enum Typed<'a> {
    Boolean(&'a BooleanArray),
    Int64(&'a Int64Array),
    Float64(&'a Float64Array),
    Text(&'a StringArray),
    Decimal(&'a StringArray),
    Uuid(&'a StringArray),
    Bytes(&'a BinaryArray),
}

impl<'a> PackedColumn<'a> {
    pub(super) fn new(logical_type: LogicalType, column: &'a Column) -> Self {
        let array = &column.values;
        let values = match logical_type {
            LogicalType::Boolean => Typed::Boolean(array.as_boolean()),
            LogicalType::Int64
            | LogicalType::TimestampUs
            | LogicalType::TimestampMs
            | LogicalType::Date
            | LogicalType::TimeUs
            | LogicalType::TimeMs => Typed::Int64(array.as_primitive::<Int64Type>()),
            LogicalType::Float64 => Typed::Float64(array.as_primitive::<Float64Type>()),
            LogicalType::Text | LogicalType::Json => Typed::Text(array.as_string()),
            LogicalType::Decimal { .. } | LogicalType::Numeric => Typed::Decimal(array.as_string()),
            LogicalType::Uuid => Typed::Uuid(array.as_string()),
            LogicalType::Bytes => Typed::Bytes(array.as_binary()),
        };
        Self {
            nulls: array.nulls(),
            values,
        }
    }

    /// Appends the row's value behind a byte that tells null from a value. The last column's text
    /// needs no end.
    pub(super) fn pack(&self, row: usize, last: bool, bytes: &mut Vec<u8>) {
        if self.nulls.is_some_and(|n| n.is_null(row)) {
            bytes.push(0);
            return;
        }
        bytes.push(1);
        match self.values {
            Typed::Boolean(a) => bytes.push(u8::from(a.value(row))),
            Typed::Int64(a) => bytes.extend_from_slice(&ordered_int(a.value(row)).to_be_bytes()),
            Typed::Float64(a) => {
                bytes.extend_from_slice(&ordered_float(a.value(row)).to_be_bytes());
            }
            Typed::Text(a) => pack_bytes(a.value(row).as_bytes(), last, bytes),
            Typed::Decimal(a) => {
                put_number(a.value(row), bytes);
                if !last {
                    bytes.push(0);
                }
            }
            Typed::Bytes(a) => pack_bytes(a.value(row), last, bytes),
            Typed::Uuid(a) => match parse_uuid(a.value(row)) {
                Some(uuid) => bytes.extend_from_slice(&uuid.to_be_bytes()),
                // Postgres will refuse it; until then it is its own key, apart from every real one.
                None => {
                    *bytes.last_mut().expect("the marker was just pushed") = 2;
                    pack_bytes(a.value(row).as_bytes(), last, bytes);
                }
            },
        }
    }
}

/// Unsigned order is the integers' order.
pub(super) fn ordered_int(value: i64) -> u64 {
    (value as u64) ^ (1 << 63)
}

/// Unsigned order is the numbers' order as Postgres has it: negative zero is zero, and
/// not-a-number, which is one, stands above all.
fn ordered_float(value: f64) -> u64 {
    let bits = match value.is_nan() {
        true => f64::NAN.abs().to_bits(),
        false => (value + 0.0).to_bits(),
    };
    if bits >> 63 == 1 {
        !bits
    } else {
        bits | (1 << 63)
    }
}

/// Zero bytes are escaped and two of them end the value, so that what follows cannot change the
/// order.
fn pack_bytes(value: &[u8], last: bool, bytes: &mut Vec<u8>) {
    if last {
        bytes.extend_from_slice(value);
        return;
    }
    let mut rest = value;
    while let Some(zero) = memchr::memchr(0, rest) {
        bytes.extend_from_slice(&rest[..zero]);
        bytes.extend_from_slice(&[0, 0xff]);
        rest = &rest[zero + 1..];
    }
    bytes.extend_from_slice(rest);
    bytes.extend_from_slice(&[0, 0]);
}

/// Postgres takes upper and lower case, braces and missing hyphens for the same value; so must a
/// key.
fn parse_uuid(text: &str) -> Option<u128> {
    let inner = text
        .strip_prefix('{')
        .and_then(|t| t.strip_suffix('}'))
        .unwrap_or(text);
    let (mut value, mut digits) = (0_u128, 0);
    for c in inner.chars().filter(|&c| c != '-') {
        value = (value << 4) | u128::from(c.to_digit(16)?);
        digits += 1;
    }
    (digits == 32).then_some(value)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    fn packed(columns: &[(LogicalType, Column)], rows: usize) -> Packed {
        let columns: Vec<_> = columns.iter().map(|(t, c)| (*t, c)).collect();
        Packed::new(&columns, rows)
    }

    proptest! {
        #[test]
        fn bytes_order_as_the_values_do(
            rows in prop::collection::vec(
                (
                    "[\\x00a-c]{0,3}",
                    any::<Option<i64>>(),
                    any::<bool>(),
                    prop::collection::vec(0_u8..3, 0..3),
                ),
                2..12,
            )
        ) {
            let texts = StringArray::from_iter_values(rows.iter().map(|r| &r.0));
            let integers = Int64Array::from_iter(rows.iter().map(|r| r.1));
            let booleans = BooleanArray::from_iter(rows.iter().map(|r| Some(r.2)));
            let bytes = BinaryArray::from_iter_values(rows.iter().map(|r| &r.3));
            let columns = [
                (LogicalType::Text, Column::new(Arc::new(texts))),
                (LogicalType::Int64, Column::new(Arc::new(integers))),
                (LogicalType::Boolean, Column::new(Arc::new(booleans))),
                (LogicalType::Bytes, Column::new(Arc::new(bytes))),
            ];
            let packed = packed(&columns, rows.len());
            for a in 0..rows.len() {
                for b in 0..rows.len() {
                    prop_assert_eq!(packed.get(a).cmp(packed.get(b)), rows[a].cmp(&rows[b]));
                }
            }
        }

        #[test]
        fn decimals_are_one_key_where_they_are_one_number(
            (a, b) in prop::array::uniform2((-120_i64..120, 0_u32..4)).prop_map(|[a, b]| (a, b))
        ) {
            // In units of 10^-4, whatever the places that are written.
            let unscaled = |(value, places): (i64, u32)| value * 10_i64.pow(4 - places);
            let text = |(value, places): (i64, u32)| format!("{value}e-{places}");
            let texts = StringArray::from(vec![text(a), text(b)]);
            let packed = packed(&[(LogicalType::Numeric, Column::new(Arc::new(texts)))], 2);
            prop_assert_eq!(packed.get(0) == packed.get(1), unscaled(a) == unscaled(b));
        }

        #[test]
        fn floats_order_totally(a: f64, b: f64) {
            if let Some(expected) = a.partial_cmp(&b) {
                prop_assert_eq!(ordered_float(a).cmp(&ordered_float(b)), expected);
            }
        }
    }

    #[test]
    fn one_number_is_one_key() {
        let floats = Float64Array::from(vec![0.0, -0.0, f64::NAN, -f64::NAN, f64::INFINITY]);
        let floats = Column::new(Arc::new(floats));
        let packed_floats = packed(&[(LogicalType::Float64, floats)], 5);
        assert_eq!(packed_floats.get(0), packed_floats.get(1));
        assert_eq!(packed_floats.get(2), packed_floats.get(3));
        assert!(packed_floats.get(4) < packed_floats.get(2));
        let one = ["1", "1.0", "01.00", "10e-1", "0.1E1", "100e-2"];
        let others = [
            "0", "-1", "10", "1.01", "1e2", "NaN", "1x", "", "0.1", "-0.1", "0.01", "-0.01",
            "0.001", "-10", "-0.001", "0.5", "-0.5", "0.05", "-5",
        ];
        let texts: Vec<_> = one.into_iter().chain(others).collect();
        let rows = texts.len();
        let column = Column::new(Arc::new(StringArray::from(texts)));
        let behind = Column::new(Arc::new(StringArray::from(vec!["a"; rows])));
        for columns in [
            vec![(LogicalType::Numeric, column.clone())],
            vec![(LogicalType::Numeric, column), (LogicalType::Text, behind)],
        ] {
            let packed = packed(&columns, rows);
            let keys: std::collections::BTreeSet<_> = (0..rows).map(|r| packed.get(r)).collect();
            assert_eq!(keys.len(), 1 + others.len());
        }
        let zeros = ["0", "-0", "0.00", "00e5"];
        let column = Column::new(Arc::new(StringArray::from_iter_values(zeros)));
        let packed = packed(&[(LogicalType::Numeric, column)], 4);
        assert!((1..4).all(|row| packed.get(row) == packed.get(0)));
    }

    #[test]
    fn one_uuid_is_one_key() {
        let texts = [
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            "A0EEBC999C0B4EF8BB6D6BB9BD380A11",
            "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}",
            "a0eebc99",
        ];
        let column = Column::new(Arc::new(StringArray::from_iter_values(texts)));
        let packed = packed(&[(LogicalType::Uuid, column)], texts.len());
        assert_eq!(packed.get(0), packed.get(1));
        assert_eq!(packed.get(0), packed.get(2));
        assert_ne!(packed.get(0), packed.get(3));
    }
}
