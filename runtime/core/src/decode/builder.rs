//! A column in the making.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, Float64Builder, Int64Builder, StringBuilder,
};
use arrow_buffer::BooleanBufferBuilder;
use arrow_schema::DataType;

use super::slot::{Row, Slot};
use crate::column::{Column, LogicalType};

#[derive(Debug)]
pub(super) struct ColumnBuilder {
    values: Builder,
    /// Made when the first value is absent.
    presence: Option<BooleanBufferBuilder>,
    /// The rows whose values were not sent, though they are named.
    unsent: Vec<u32>,
    rows: usize,
}

#[derive(Debug)]
enum Builder {
    Boolean(BooleanBuilder),
    Int64(Int64Builder),
    Float64(Float64Builder),
    Text(StringBuilder),
    Bytes(BinaryBuilder),
}

impl ColumnBuilder {
    /// An empty column with room for `rows` values, of `text_bytes` together where they are text or
    /// bytes.
    pub(super) fn new(logical_type: LogicalType, rows: usize, text_bytes: usize) -> Self {
        let values = match logical_type.data_type() {
            DataType::Boolean => Builder::Boolean(BooleanBuilder::with_capacity(rows)),
            DataType::Int64 => Builder::Int64(Int64Builder::with_capacity(rows)),
            DataType::Float64 => Builder::Float64(Float64Builder::with_capacity(rows)),
            DataType::Binary => Builder::Bytes(BinaryBuilder::with_capacity(rows, text_bytes)),
            _ => Builder::Text(StringBuilder::with_capacity(rows, text_bytes)),
        };
        Self {
            values,
            presence: None,
            unsent: Vec::new(),
            rows: 0,
        }
    }

    /// Appends what the slot at `i` of `row` holds, which is of this column's layout.
    #[inline]
    pub(super) fn append(&mut self, row: &Row<'_>, i: usize) {
        let slot = row.slots[i];
        match (&mut self.values, slot) {
            (Builder::Boolean(b), Slot::Boolean(v)) => b.append_value(v),
            (Builder::Int64(b), Slot::Int64(v)) => b.append_value(v),
            (Builder::Float64(b), Slot::Float64(v)) => b.append_value(v),
            (Builder::Text(b), Slot::Text(v)) => b.append_value(v),
            (Builder::Text(b), Slot::Unescaped { start, end }) => {
                b.append_value(&row.scratch[start..end])
            }
            (Builder::Bytes(b), Slot::Bytes(v)) => b.append_value(v),
            (Builder::Bytes(b), Slot::Decoded { start, end }) => {
                b.append_value(&row.bytes[start..end])
            }
            (values, slot) => {
                debug_assert!(slot.is_empty(), "{slot:?}");
                values.append_null();
            }
        }
        let present = !matches!(slot, Slot::Absent | Slot::Unsent);
        if matches!(slot, Slot::Unsent) {
            self.unsent.push(self.rows as u32);
        }
        if let Some(presence) = &mut self.presence {
            presence.append(present);
        } else if !present {
            let mut presence = BooleanBufferBuilder::new(self.rows + 1);
            presence.append_n(self.rows, true);
            presence.append(false);
            self.presence = Some(presence);
        }
        self.rows += 1;
    }

    /// The bytes of its values so far, where they are text or bytes.
    pub(super) fn text_bytes(&self) -> usize {
        match &self.values {
            Builder::Text(b) => b.values_slice().len(),
            Builder::Bytes(b) => b.values_slice().len(),
            _ => 0,
        }
    }

    /// Takes the rows whose values were not sent, though they are named.
    pub(super) fn take_unsent(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.unsent)
    }

    pub(super) fn finish(mut self) -> Column {
        let values: ArrayRef = match &mut self.values {
            Builder::Boolean(b) => Arc::new(b.finish()),
            Builder::Int64(b) => Arc::new(b.finish()),
            Builder::Float64(b) => Arc::new(b.finish()),
            Builder::Text(b) => Arc::new(b.finish()),
            Builder::Bytes(b) => Arc::new(b.finish()),
        };
        Column {
            values,
            presence: self.presence.map(|mut p| p.finish()),
        }
    }
}

impl Builder {
    fn append_null(&mut self) {
        match self {
            Self::Boolean(b) => b.append_null(),
            Self::Int64(b) => b.append_null(),
            Self::Float64(b) => b.append_null(),
            Self::Text(b) => b.append_null(),
            Self::Bytes(b) => b.append_null(),
        }
    }
}
