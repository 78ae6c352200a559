//! The rules of a history: one native transform that reads people.

use std::sync::Arc;

use anyhow::Result;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, Int64Array};
use gristmill_core::chain::{Chain, ChainSpec, Delete, Late, TimePolicy, Truncate};
use gristmill_core::column::{Batch, Column, Field, LogicalType};
use gristmill_core::decode::{Formats, JsonForms, Tombstone};
use gristmill_core::dimension::Dimensions;
use gristmill_core::plan::{Plan, Roles};
use gristmill_core::transform::{Fault, Output, Rejection, Transform};

/// The clock of every history, microseconds.
pub(super) const NOW_US: i64 = 10_000_000_000;
/// A name that the rules reject.
pub(super) const REJECTED: &str = "rejected";

/// How much a chain remembers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    pub(super) ttl_us: i64,
    pub(super) max_bytes: usize,
}

/// A chain of partition `partition` that knows no key.
pub(super) fn chain(
    partition: i32,
    memory: Memory,
    event_time_max_us: Option<i64>,
) -> Result<Chain> {
    let target = fields();
    let spec = ChainSpec {
        topic: "people_cdc".to_owned(),
        partition,
        time: TimePolicy {
            watermark_delay_us: 10_000,
            ttl_us: memory.ttl_us,
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
        state_max_bytes: memory.max_bytes,
        target,
    };
    let transforms: Vec<Box<dyn Transform>> = vec![Box::new(PeopleRules { plan: plan() })];
    let dimensions = Arc::new(Dimensions::new());
    Ok(Chain::new(spec, transforms, dimensions, event_time_max_us)?)
}

/// What is written, in the order of the columns.
fn fields() -> Vec<Field> {
    vec![
        field("id", LogicalType::Int64, false),
        field("name", LogicalType::Text, true),
        field("is_deleted", LogicalType::Boolean, true),
        field("at", LogicalType::TimestampUs, true),
    ]
}

fn field(name: &str, logical_type: LogicalType, nullable: bool) -> Field {
    Field {
        name: name.to_owned(),
        logical_type,
        nullable,
    }
}

fn plan() -> Plan {
    let reads = [
        ("value.id", LogicalType::Int64),
        ("value.name", LogicalType::Text),
        ("value.deleted", LogicalType::Boolean),
        ("value.at", LogicalType::Int64),
    ];
    Plan {
        reads: reads.map(|(path, of)| field(path, of, true)).to_vec(),
        writes: fields(),
        roles: Some(Roles {
            key: vec!["id".to_owned()],
            event_time: "at".to_owned(),
            deleted: Some("is_deleted".to_owned()),
            order: Vec::new(),
            ..Roles::default()
        }),
        reject_codes: vec![REJECTED.to_owned()],
        ..Plan::default()
    }
}

struct PeopleRules {
    plan: Plan,
}

impl Transform for PeopleRules {
    fn name(&self) -> &str {
        "people"
    }

    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn apply(&mut self, input: &Batch) -> Result<Output, Fault> {
        let names = input.columns[1].values.as_string::<i32>();
        let is_bad = |row: &usize| names.is_valid(*row) && names.value(*row) == REJECTED;
        let rejections = (0..input.rows).filter(is_bad).map(|row| Rejection {
            row: row as u32,
            code: REJECTED.to_owned(),
            message: "not wanted".to_owned(),
        });
        let kept: Vec<u32> = (0..input.rows)
            .filter(|row| !is_bad(row))
            .map(|row| row as u32)
            .collect();
        let taken = input.take(&kept);
        let at: Int64Array = taken.columns[3].values.as_primitive::<Int64Type>().clone();
        let mut columns = taken.columns[..3].to_vec();
        columns.push(Column::new(Arc::new(at)));
        Ok(Output {
            columns,
            rows: kept.len(),
            source_rows: Some(kept),
            rejections: rejections.collect(),
        })
    }
}
