//! The shipped rules, linked into the host: their SDK's columns are made of the host's, one copy a
//! buffer, and the host's of theirs without one.

use std::any::TypeId;
use std::cell::RefCell;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Float64Array, GenericByteArray, Int64Array,
    StringArray,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::DataType;
use gristmill_core::column::{Batch, Column};
use gristmill_core::plan::Plan;
use gristmill_core::transform::{Fault, Output, Rejection, Transform};
use gristmill_guest::export::{Guest, WireBatch};
use gristmill_guest::wit::gristmill::transform::types as wire;
use serde_json::Value;

/// The rule of the shipped pipeline that is called `name`, for
/// [`Sandbox::linked`](gristmill_sandbox::Sandbox::linked).
pub(crate) fn rule(name: &str, plan: &Plan, config: &Value) -> Box<dyn Transform> {
    match name {
        "normalize-cdc" => Native::<normalize_cdc::__Component>::boxed(name, plan, config),
        "enrich-country" => Native::<enrich_country::__Component>::boxed(name, plan, config),
        "enrich-email" => Native::<enrich_email::__Component>::boxed(name, plan, config),
        other => panic!("the benchmark does not link `{other}`"),
    }
}

/// Nanoseconds spent on copies and checks that a rule written against the host's own columns would
/// not need.
pub(crate) static ADAPTING_NS: AtomicU64 = AtomicU64::new(0);

fn adapting<R>(work: impl FnOnce() -> R) -> R {
    let begun = Instant::now();
    let result = work();
    let ns = begun.elapsed().as_nanos() as u64;
    ADAPTING_NS.fetch_add(ns, Ordering::Relaxed);
    result
}

thread_local! {
    /// The rules that are open on this thread: their crates keep one a thread.
    static OPEN: RefCell<Vec<TypeId>> = const { RefCell::new(Vec::new()) };
}

/// The rule that the crate of `R` makes a component of.
struct Native<R> {
    name: String,
    plan: Plan,
    config: String,
    rule: PhantomData<fn() -> R>,
}

impl<R: Guest + 'static> Native<R> {
    /// `plan` is what the component declares with this config.
    fn boxed(name: &str, plan: &Plan, config: &Value) -> Box<dyn Transform> {
        Box::new(Self {
            name: name.to_owned(),
            plan: plan.clone(),
            config: config.to_string(),
            rule: PhantomData,
        })
    }

    /// A worker may go on on another thread with each batch.
    fn open(&self) {
        OPEN.with_borrow_mut(|open| {
            if !open.contains(&TypeId::of::<R>()) {
                R::open(self.config.clone()).expect("the component opened with it");
                // The rule's own hook calls the host's log, which there is none of here.
                drop(std::panic::take_hook());
                open.push(TypeId::of::<R>());
            }
        });
    }
}

impl<R: Guest + 'static> Transform for Native<R> {
    fn name(&self) -> &str {
        &self.name
    }

    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn apply(&mut self, input: &Batch) -> Result<Output, Fault> {
        self.open();
        let batch = adapting(|| WireBatch {
            rows: input.rows as u32,
            columns: input.columns.iter().map(lower).collect(),
        });
        let output = R::apply(batch).map_err(Fault::Trapped)?;
        Ok(adapting(|| lift(input.rows, output)))
    }
}

fn lower(column: &Column) -> wire::Column {
    let values = &column.values;
    wire::Column {
        validity: values
            .nulls()
            .filter(|n| n.null_count() > 0)
            .map(|n| bits(n.inner())),
        presence: column.presence.as_ref().map(bits),
        values: match values.data_type() {
            DataType::Boolean => wire::Values::Bits(bits(values.as_boolean().values())),
            DataType::Float64 => {
                wire::Values::Float64(values.as_primitive::<Float64Type>().values().to_vec())
            }
            DataType::Utf8 => wire::Values::Text(varlen(values.as_string::<i32>())),
            DataType::Binary => wire::Values::Bytes(varlen(values.as_binary::<i32>())),
            _ => wire::Values::Int64(values.as_primitive::<Int64Type>().values().to_vec()),
        },
    }
}

fn bits(bits: &BooleanBuffer) -> Vec<u8> {
    bits.sliced()[..bits.len().div_ceil(8)].to_vec()
}

fn varlen<T: arrow_array::types::ByteArrayType<Offset = i32>>(
    array: &GenericByteArray<T>,
) -> wire::Varlen {
    let offsets = array.value_offsets();
    let (first, last) = (offsets[0], offsets[array.len()]);
    wire::Varlen {
        offsets: offsets.iter().map(|o| (o - first) as u32).collect(),
        data: array.value_data()[first as usize..last as usize].to_vec(),
    }
}

fn lift(input_rows: usize, output: wire::Output) -> Output {
    let rows = output.source_rows.as_ref().map_or(input_rows, Vec::len);
    let columns = output.columns.into_iter();
    let rejection = |r: wire::Rejection| Rejection {
        row: r.row,
        code: r.code,
        message: r.message,
    };
    Output {
        columns: columns.map(|column| lifted(column, rows)).collect(),
        rows,
        source_rows: output.source_rows,
        rejections: output.rejections.into_iter().map(rejection).collect(),
    }
}

fn lifted(column: wire::Column, rows: usize) -> Column {
    let bits = |bytes: Vec<u8>| BooleanBuffer::new(bytes.into(), 0, rows);
    let presence = column.presence.map(bits);
    // The SDK clears the validity of what is absent.
    let nulls = column.validity.map(|v| NullBuffer::new(bits(v)));
    let nulls = nulls.filter(|nulls| nulls.null_count() > 0);
    let values: ArrayRef = match column.values {
        wire::Values::Bits(bytes) => Arc::new(BooleanArray::new(bits(bytes), nulls)),
        wire::Values::Int64(values) => Arc::new(Int64Array::new(values.into(), nulls)),
        wire::Values::Float64(values) => Arc::new(Float64Array::new(values.into(), nulls)),
        wire::Values::Text(wire::Varlen { offsets, data }) => Arc::new(StringArray::new(
            ends(offsets),
            Buffer::from_vec(data),
            nulls,
        )),
        wire::Values::Bytes(wire::Varlen { offsets, data }) => Arc::new(BinaryArray::new(
            ends(offsets),
            Buffer::from_vec(data),
            nulls,
        )),
    };
    Column { values, presence }
}

fn ends(offsets: Vec<u32>) -> OffsetBuffer<i32> {
    OffsetBuffer::new(ScalarBuffer::from(Buffer::from_vec(offsets)))
}
