//! Native transforms and the chains made of them.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, Int64Array, StringArray};
use gristmill_core::chain::{Chain, ChainSpec, Delete, Late, TimePolicy, Tombstone, Truncate};
use gristmill_core::column::{Batch, Column, Field, LogicalType};
use gristmill_core::decode::{Formats, JsonForms};
use gristmill_core::dimension::Dimensions;
use gristmill_core::plan::{Plan, Roles};
use gristmill_core::transform::{Fault, Output, Rejection, Transform};

pub(crate) use crate::events::*;
pub(crate) use crate::outcome::*;

pub(crate) type Rule = Box<dyn FnMut(&Batch) -> Result<Output, Fault> + Send>;

/// A transform made of a plan and a closure.
pub(crate) struct Native {
    pub(crate) name: &'static str,
    pub(crate) plan: Plan,
    pub(crate) rule: Rule,
}

impl Transform for Native {
    fn name(&self) -> &str {
        self.name
    }

    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn apply(&mut self, input: &Batch) -> Result<Output, Fault> {
        assert!(input.is_well_formed());
        assert!(input.fields.iter().eq(self.plan.input_fields()));
        assert!(input.rows > 0, "nothing to do is not worth a call");
        (self.rule)(input)
    }
}

pub(crate) fn field(name: &str, logical_type: LogicalType, nullable: bool) -> Field {
    Field {
        name: name.to_owned(),
        logical_type,
        nullable,
    }
}

pub(crate) fn ints(batch: &Batch, column: usize) -> &Int64Array {
    batch.columns[column].values.as_primitive::<Int64Type>()
}

pub(crate) fn texts(batch: &Batch, column: usize) -> &StringArray {
    batch.columns[column].values.as_string()
}

/// What keys are made of in a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) text_key: bool,
    pub(crate) order: bool,
}

/// Reads events. Notes that begin with `reject`, `drop` or `trap` have it do so; `also` splits, the
/// second row before the first in the output.
pub(crate) fn normalizer(shape: Shape) -> Native {
    let key_type = if shape.text_key {
        LogicalType::Text
    } else {
        LogicalType::Int64
    };
    let reads = vec![
        field("value.key", LogicalType::Int64, true),
        field("value.at", LogicalType::Int64, true),
        field("value.seq", LogicalType::Int64, true),
        field("value.note", LogicalType::Text, true),
        field("value.also", LogicalType::Int64, true),
    ];
    let writes = vec![
        field("key", key_type, false),
        field("at", LogicalType::TimestampMs, true),
        field("seq", LogicalType::Int64, true),
        field("note", LogicalType::Text, true),
    ];
    let roles = Roles {
        key: vec!["key".to_owned()],
        event_time: "at".to_owned(),
        deleted: None,
        order: if shape.order {
            vec!["seq".to_owned()]
        } else {
            Vec::new()
        },
        ..Roles::default()
    };
    let reject_codes = vec!["rejected".to_owned()];
    let plan = Plan {
        reads,
        writes,
        roles: Some(roles),
        reject_codes,
        ..Plan::default()
    };
    Native {
        name: "normalize",
        plan,
        rule: Box::new(move |batch| normalize(batch, shape)),
    }
}

fn normalize(batch: &Batch, shape: Shape) -> Result<Output, Fault> {
    let (key, also, note) = (ints(batch, 0), ints(batch, 4), texts(batch, 3));
    if note.iter().flatten().any(|n| n.starts_with("trap-first")) {
        return Err(Fault::Trapped("unreachable executed".to_owned()));
    }
    let (mut source_rows, mut keys, mut rejections) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..batch.rows {
        if also.is_valid(row) {
            source_rows.push(row as u32);
            keys.push(Some(also.value(row)));
        }
    }
    for row in 0..batch.rows {
        let text = if note.is_valid(row) {
            note.value(row)
        } else {
            ""
        };
        if text == "reject-first" {
            rejections.push(rejection(row));
        } else if text != "drop" {
            source_rows.push(row as u32);
            keys.push(key.is_valid(row).then(|| key.value(row)));
        }
    }
    let key: ArrayRef = if shape.text_key {
        Arc::new(StringArray::from_iter(
            keys.iter().map(|k| k.map(|k| format!("key {k}"))),
        ))
    } else {
        Arc::new(Int64Array::from(keys))
    };
    let taken = batch.take(&source_rows);
    let mut columns = vec![Column::new(key)];
    columns.extend([1, 2, 3].map(|c| taken.columns[c].clone()));
    Ok(Output {
        columns,
        rows: source_rows.len(),
        source_rows: Some(source_rows),
        rejections,
    })
}

fn rejection(row: usize) -> Rejection {
    Rejection {
        row: row as u32,
        code: "rejected".to_owned(),
        message: "not wanted".to_owned(),
    }
}

/// Writes the note in upper case. Notes `trap`, `fuel`, `memory`, `lie` fail the call, `reject` the
/// row, and `zero` writes a zero character.
pub(crate) fn upper() -> Native {
    let plan = Plan {
        reads: vec![field("note", LogicalType::Text, true)],
        writes: vec![field("upper", LogicalType::Text, true)],
        reject_codes: vec!["rejected".to_owned()],
        ..Plan::default()
    };
    Native {
        name: "upper",
        plan,
        rule: Box::new(shout),
    }
}

fn shout(batch: &Batch) -> Result<Output, Fault> {
    let note = texts(batch, 0);
    for text in note.iter().flatten() {
        match text {
            "trap" => return Err(Fault::Trapped("integer overflow".to_owned())),
            "fuel" => return Err(Fault::OutOfFuel("used all its fuel".to_owned())),
            "memory" => return Err(Fault::OutOfMemory("wanted 65 MiB".to_owned())),
            "lie" => return Err(Fault::Lied("offsets decrease".to_owned())),
            _ => {}
        }
    }
    let rejected = |row: &usize| note.is_valid(*row) && note.value(*row) == "reject";
    let keep: Vec<u32> = (0..batch.rows)
        .filter(|r| !rejected(r))
        .map(|r| r as u32)
        .collect();
    let upper = keep.iter().map(|&r| {
        let text = note.is_valid(r as usize).then(|| note.value(r as usize))?;
        Some(if text == "zero" {
            "a\0b".to_owned()
        } else {
            text.to_uppercase()
        })
    });
    let column = Column::new(Arc::new(StringArray::from_iter(upper)));
    let rejections: Vec<_> = (0..batch.rows).filter(rejected).map(rejection).collect();
    let rows = keep.len();
    Ok(Output {
        columns: vec![column],
        rows,
        source_rows: Some(keep),
        rejections,
    })
}

pub(crate) const HOUR_US: i64 = 3_600_000_000;
/// The clock of every test, in the events' milliseconds and in microseconds.
pub(crate) const NOW_MS: i64 = 10_000_000;
pub(crate) const NOW_US: i64 = NOW_MS * 1000;

pub(crate) fn spec(shape: Shape) -> ChainSpec {
    let key_type = if shape.text_key {
        LogicalType::Text
    } else {
        LogicalType::Int64
    };
    ChainSpec {
        topic: "events".to_owned(),
        partition: 0,
        time: TimePolicy {
            watermark_delay_us: 10_000,
            ttl_us: 168 * HOUR_US,
            future_max_us: 5_000_000,
            floor_us: 0,
            late: Late::Apply,
        },
        tombstone: Tombstone::Ignore,
        absent: None,
        formats: Formats::default(),
        forms: JsonForms::default(),
        delete: Delete::default(),
        truncate: Truncate::Halt,
        record_max_bytes: 1 << 20,
        state_max_bytes: 64 << 20,
        target: vec![
            field("upper", LogicalType::Text, true),
            field("key", key_type, false),
            field("at", LogicalType::TimestampUs, false),
            field("seq", LogicalType::Int64, true),
        ],
    }
}

pub(crate) const PLAIN: Shape = Shape {
    text_key: false,
    order: false,
};

pub(crate) fn chain_of(spec: ChainSpec, shape: Shape, event_time_max: Option<i64>) -> Chain {
    let transforms: Vec<Box<dyn Transform>> = vec![Box::new(normalizer(shape)), Box::new(upper())];
    Chain::new(
        spec,
        transforms,
        Arc::new(Dimensions::new()),
        event_time_max,
    )
    .unwrap()
}

impl Native {
    /// Fails on more than `rows` rows, whatever they are.
    pub(crate) fn with_memory_for(mut self, rows: usize) -> Self {
        let mut rule = self.rule;
        self.rule = Box::new(move |batch| match batch.rows > rows {
            true => Err(Fault::OutOfMemory("wanted 65 MiB".to_owned())),
            false => rule(batch),
        });
        self
    }
}

pub(crate) fn chain() -> Chain {
    chain_of(spec(PLAIN), PLAIN, None)
}
