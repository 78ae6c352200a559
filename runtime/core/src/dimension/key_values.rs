//! The values of a key's column.

use std::hash::Hasher;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, BinaryArray, BooleanArray, Float64Array, Int64Array, StringArray};
use arrow_schema::DataType;

use crate::column::Column;

/// A column's values by layout, so that a row is reached without a downcast.
pub(super) enum KeyValues<'a> {
    Boolean(&'a BooleanArray),
    Int64(&'a Int64Array),
    Float64(&'a Float64Array),
    Text(&'a StringArray),
    Bytes(&'a BinaryArray),
}

impl<'a> KeyValues<'a> {
    pub(super) fn of(column: &'a Column) -> Self {
        match column.values.data_type() {
            DataType::Boolean => Self::Boolean(column.values.as_boolean()),
            DataType::Int64 => Self::Int64(column.values.as_primitive::<Int64Type>()),
            DataType::Float64 => Self::Float64(column.values.as_primitive::<Float64Type>()),
            DataType::Binary => Self::Bytes(column.values.as_binary()),
            _ => Self::Text(column.values.as_string()),
        }
    }

    pub(super) fn is_like(&self, other: &KeyValues) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }

    pub(super) fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Boolean(a) => a.is_null(row),
            Self::Int64(a) => a.is_null(row),
            Self::Float64(a) => a.is_null(row),
            Self::Text(a) => a.is_null(row),
            Self::Bytes(a) => a.is_null(row),
        }
    }

    /// Floats are equal when their bits are.
    pub(super) fn equal(&self, row: usize, other: &KeyValues<'a>, other_row: usize) -> bool {
        match (self, other) {
            (Self::Boolean(a), Self::Boolean(b)) => a.value(row) == b.value(other_row),
            (Self::Int64(a), Self::Int64(b)) => a.value(row) == b.value(other_row),
            (Self::Float64(a), Self::Float64(b)) => {
                a.value(row).to_bits() == b.value(other_row).to_bits()
            }
            (Self::Text(a), Self::Text(b)) => a.value(row) == b.value(other_row),
            (Self::Bytes(a), Self::Bytes(b)) => a.value(row) == b.value(other_row),
            _ => false,
        }
    }

    /// Feeds the value to `hasher` so that no two rows of values run into each other. The row is
    /// not null.
    pub(super) fn hash(&self, row: usize, hasher: &mut impl Hasher) {
        match self {
            Self::Boolean(a) => hasher.write_u8(a.value(row).into()),
            Self::Int64(a) => hasher.write_u64(a.value(row) as u64),
            Self::Float64(a) => hasher.write_u64(a.value(row).to_bits()),
            Self::Text(a) => {
                hasher.write(a.value(row).as_bytes());
                hasher.write_u8(0xff);
            }
            Self::Bytes(a) => {
                hasher.write_u64(a.value_length(row) as u64);
                hasher.write(a.value(row));
            }
        }
    }

    pub(super) fn to_text(&self, row: usize) -> String {
        match self {
            Self::Boolean(a) => a.value(row).to_string(),
            Self::Int64(a) => a.value(row).to_string(),
            Self::Float64(a) => a.value(row).to_string(),
            Self::Text(a) => format!("{:?}", a.value(row)),
            Self::Bytes(a) => format!("{:?}", a.value(row)),
        }
    }
}
