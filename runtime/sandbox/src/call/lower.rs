//! A batch as the WIT lays it out. Arrow's buffers are borrowed wherever the layout is the same;
//! only slices that do not begin at a byte or at 0 are copied.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, GenericByteArray};
use arrow_buffer::{BooleanBuffer, Buffer, ScalarBuffer};
use arrow_schema::DataType;
use gristmill_core::column::{Batch, Column};

use crate::bindings::gristmill::transform::types as wit;

/// The buffers of a batch, held until the guest has them.
pub(crate) struct Lowered {
    rows: u32,
    columns: Vec<LoweredColumn>,
}

struct LoweredColumn {
    validity: Option<Buffer>,
    presence: Option<Buffer>,
    values: LoweredValues,
}

enum LoweredValues {
    Bits(Buffer),
    Int64(ScalarBuffer<i64>),
    Float64(ScalarBuffer<f64>),
    Text(ScalarBuffer<u32>, Buffer),
    Bytes(ScalarBuffer<u32>, Buffer),
}

impl Lowered {
    /// `batch` must be well-formed, and its columns of the layouts that the core knows.
    pub(crate) fn new(batch: &Batch) -> Self {
        debug_assert!(batch.is_well_formed());
        // A batch is a few thousand rows, offsets in it are 32 bits wide already.
        let rows = batch.rows as u32;
        Self {
            rows,
            columns: batch.columns.iter().map(lower).collect(),
        }
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows as usize
    }

    /// What the limits count as rows: each row, and each KiB of text and bytes, so that large rows
    /// get the time that they need.
    pub(crate) fn weight(&self) -> u64 {
        let data = self.columns.iter().map(|column| match &column.values {
            LoweredValues::Text(_, data) | LoweredValues::Bytes(_, data) => data.len() as u64,
            _ => 0,
        });
        u64::from(self.rows) + data.sum::<u64>() / 1_024
    }

    /// Calls `f` with the batch as parameter.
    pub(crate) fn with<R>(&self, f: impl FnOnce(wit::Batch<'_>) -> R) -> R {
        let columns: Vec<_> = self.columns.iter().map(LoweredColumn::borrow).collect();
        f(wit::Batch {
            rows: self.rows,
            columns: &columns,
        })
    }
}

impl LoweredColumn {
    fn borrow(&self) -> wit::ColumnParam<'_> {
        wit::ColumnParam {
            validity: self.validity.as_deref(),
            presence: self.presence.as_deref(),
            values: match &self.values {
                LoweredValues::Bits(bits) => wit::ValuesParam::Bits(bits),
                LoweredValues::Int64(values) => wit::ValuesParam::Int64(values),
                LoweredValues::Float64(values) => wit::ValuesParam::Float64(values),
                LoweredValues::Text(offsets, data) => {
                    wit::ValuesParam::Text(wit::VarlenParam { offsets, data })
                }
                LoweredValues::Bytes(offsets, data) => {
                    wit::ValuesParam::Bytes(wit::VarlenParam { offsets, data })
                }
            },
        }
    }
}

fn lower(column: &Column) -> LoweredColumn {
    let values = &column.values;
    let values = match values.data_type() {
        DataType::Boolean => LoweredValues::Bits(bits(values.as_boolean().values())),
        DataType::Float64 => {
            LoweredValues::Float64(values.as_primitive::<Float64Type>().values().clone())
        }
        DataType::Utf8 => {
            let (offsets, data) = varlen(values.as_string::<i32>());
            LoweredValues::Text(offsets, data)
        }
        DataType::Binary => {
            let (offsets, data) = varlen(values.as_binary::<i32>());
            LoweredValues::Bytes(offsets, data)
        }
        _ => LoweredValues::Int64(values.as_primitive::<Int64Type>().values().clone()),
    };
    LoweredColumn {
        validity: column
            .values
            .nulls()
            .filter(|n| n.null_count() > 0)
            .map(|n| bits(n.inner())),
        presence: column.presence.as_ref().map(bits),
        values,
    }
}

/// Bits from the first of a byte on, and zeros after the last: what other rows had there is not the
/// guest's to see.
fn bits(bits: &BooleanBuffer) -> Buffer {
    let bytes = bits.len().div_ceil(8);
    let spare = bytes * 8 - bits.len();
    if bits.offset().is_multiple_of(8) {
        let buffer = bits.inner().slice_with_length(bits.offset() / 8, bytes);
        if spare == 0 || buffer[bytes - 1] >> (8 - spare) == 0 {
            return buffer;
        }
    }
    let mut copy = bits.sliced()[..bytes].to_vec();
    if let (Some(last), 1..) = (copy.last_mut(), spare) {
        *last &= 0xff >> spare;
    }
    copy.into()
}

/// Offsets from 0 on, and the data that they cover.
fn varlen<T: arrow_array::types::ByteArrayType<Offset = i32>>(
    array: &GenericByteArray<T>,
) -> (ScalarBuffer<u32>, Buffer) {
    let offsets = array.offsets();
    let (start, end) = (offsets[0], offsets[offsets.len() - 1]);
    let data = array
        .values()
        .slice_with_length(start as usize, (end - start) as usize);
    // Arrow's offsets are never negative, so both types have the same bytes.
    let offsets = match start {
        0 => ScalarBuffer::from(offsets.inner().inner().clone()),
        start => offsets
            .iter()
            .map(|offset| (offset - start) as u32)
            .collect(),
    };
    (offsets, data)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, BooleanArray, Int64Array, StringArray};
    use proptest::prelude::*;

    use super::*;

    fn column(values: ArrayRef, presence: Option<BooleanBuffer>) -> LoweredColumn {
        lower(&Column { values, presence })
    }

    fn set(bits: &[u8], i: usize) -> bool {
        bits[i / 8] >> (i % 8) & 1 == 1
    }

    #[test]
    fn large_rows_weigh_as_much_as_several() {
        let texts = StringArray::from_iter_values((0..10).map(|_| "x".repeat(2_048)));
        let whole = column(Arc::new(texts.clone()), None);
        assert_eq!(
            Lowered {
                rows: 10,
                columns: vec![whole]
            }
            .weight(),
            30
        );
        let part = column(Arc::new(texts.slice(3, 2)), None);
        assert_eq!(
            Lowered {
                rows: 2,
                columns: vec![part]
            }
            .weight(),
            6
        );
    }

    proptest! {
        #[test]
        fn a_slice_lowers_as_its_rows_alone(
            rows in prop::collection::vec(
                (
                    any::<Option<bool>>(),
                    any::<Option<i64>>(),
                    any::<Option<String>>(),
                    any::<bool>(),
                ),
                1..100,
            ),
            cut in any::<(prop::sample::Index, prop::sample::Index)>(),
        ) {
            let (a, b) = (cut.0.index(rows.len()), cut.1.index(rows.len()));
            let (start, len) = (a.min(b), a.abs_diff(b));
            let kept = &rows[start..start + len];
            let present = BooleanBuffer::from_iter(rows.iter().map(|r| r.3)).slice(start, len);
            let booleans = BooleanArray::from_iter(rows.iter().map(|r| r.0)).slice(start, len);
            let integers = Int64Array::from_iter(rows.iter().map(|r| r.1)).slice(start, len);
            let texts = StringArray::from_iter(rows.iter().map(|r| r.2.as_deref()));
            let texts = texts.slice(start, len);

            let lowered = column(Arc::new(booleans), Some(present));
            let presence = lowered.presence.unwrap();
            prop_assert_eq!(presence.len(), len.div_ceil(8));
            for (i, row) in kept.iter().enumerate() {
                prop_assert_eq!(set(&presence, i), row.3);
                let is_valid = lowered.validity.as_ref().is_none_or(|v| set(v, i));
                prop_assert_eq!(is_valid, row.0.is_some());
                let LoweredValues::Bits(bits) = &lowered.values else { panic!() };
                prop_assert!(row.0.is_none_or(|value| set(bits, i) == value));
            }
            for i in len..presence.len() * 8 {
                prop_assert!(!set(&presence, i), "a bit of a row that is not in the batch");
            }

            let LoweredValues::Int64(values) = column(Arc::new(integers), None).values else {
                panic!()
            };
            prop_assert_eq!(values.len(), len);
            let LoweredValues::Text(offsets, data) = column(Arc::new(texts), None).values else {
                panic!()
            };
            let (first, last) = (offsets[0], offsets[len] as usize);
            prop_assert_eq!((offsets.len(), first, last), (len + 1, 0, data.len()));
            for (i, row) in kept.iter().enumerate() {
                prop_assert!(row.1.is_none_or(|value| values[i] == value));
                let text = &data[offsets[i] as usize..offsets[i + 1] as usize];
                prop_assert_eq!(text, row.2.as_deref().unwrap_or_default().as_bytes());
            }
        }
    }
}
