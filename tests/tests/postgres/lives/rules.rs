//! The rules of these histories: a normalizer that passes on what it is told, and an enricher.

use std::sync::Arc;

use anyhow::Result;
use arrow_array::cast::AsArray;
use arrow_array::{BooleanArray, StringArray};
use gristmill_core::chain::{Chain, ChainSpec, Delete, Late, TimePolicy, Truncate};
use gristmill_core::column::{Batch, Column, Field, LogicalType};
use gristmill_core::decode::{Formats, JsonForms, Tombstone};
use gristmill_core::dedup::VersionRule;
use gristmill_core::dimension::Dimensions;
use gristmill_core::plan::{Plan, Roles};
use gristmill_core::transform::{Fault, Output, Rejection, Transform};

use super::event::REJECTED;

/// The clock of every history, microseconds.
pub(super) const NOW_US: i64 = 10_000_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Revision {
    pub(super) version: VersionRule,
    /// Whether it writes column `c`.
    pub(super) writes_c: bool,
}

impl Revision {
    pub(super) fn roles(self) -> Roles {
        Roles {
            key: vec!["key".to_owned()],
            event_time: "at".to_owned(),
            deleted: Some("gone".to_owned()),
            order: vec!["seq".to_owned()],
            version: self.version,
            truncate: Some("emptied".to_owned()),
            old_key: Vec::new(),
        }
    }

    /// What is written, in the order of the columns.
    pub(super) fn fields(self) -> Vec<Field> {
        let mut fields = vec![
            field("key", LogicalType::Int64, false),
            field("at", LogicalType::TimestampUs, false),
            field("seq", LogicalType::Int64, true),
            field("gone", LogicalType::Boolean, false),
        ];
        fields.extend(self.values().iter().map(|name| text(name)));
        fields.push(text("loud"));
        fields
    }

    fn values(self) -> &'static [&'static str] {
        match self.writes_c {
            true => &["a", "b", "c"],
            false => &["a", "b"],
        }
    }

    /// Knows no key. `rejects`: the enricher does not take everything.
    pub(super) fn chain(
        self,
        partition: i32,
        delete: Delete,
        state_max_bytes: usize,
        rejects: bool,
    ) -> Result<Chain> {
        let spec = ChainSpec {
            topic: "lives".to_owned(),
            partition,
            time: TimePolicy {
                watermark_delay_us: 10_000,
                ttl_us: i64::MAX / 4,
                future_max_us: 5_000_000,
                floor_us: 0,
                late: Late::Apply,
            },
            tombstone: Tombstone::Ignore,
            absent: None,
            formats: Formats::default(),
            forms: JsonForms::default(),
            delete,
            truncate: Truncate::Apply,
            record_max_bytes: 1 << 20,
            state_max_bytes,
            target: self.fields(),
        };
        let transforms: Vec<Box<dyn Transform>> = vec![
            Box::new(Normalizer(self.normalizer())),
            Box::new(Loud {
                plan: loud(),
                rejects,
            }),
        ];
        Ok(Chain::new(
            spec,
            transforms,
            Arc::new(Dimensions::new()),
            None,
        )?)
    }

    fn normalizer(self) -> Plan {
        let mut writes = vec![
            field("key", LogicalType::Int64, true),
            field("at", LogicalType::TimestampMs, true),
            field("seq", LogicalType::Int64, true),
        ];
        let flags = ["gone", "emptied"].map(|name| field(name, LogicalType::Boolean, false));
        writes.extend(flags);
        writes.extend(self.values().iter().map(|name| text(name)));
        let read = |f: &Field| Field {
            name: format!("value.{}", f.name),
            logical_type: match f.logical_type {
                LogicalType::TimestampMs => LogicalType::Int64,
                other => other,
            },
            nullable: true,
        };
        Plan {
            reads: writes.iter().map(read).collect(),
            writes,
            roles: Some(self.roles()),
            ..Plan::default()
        }
    }
}

fn field(name: &str, logical_type: LogicalType, nullable: bool) -> Field {
    Field {
        name: name.to_owned(),
        logical_type,
        nullable,
    }
}

fn text(name: &str) -> Field {
    field(name, LogicalType::Text, true)
}

fn loud() -> Plan {
    Plan {
        reads: vec![text("a")],
        writes: vec![text("loud")],
        reject_codes: vec![REJECTED.to_owned()],
        ..Plan::default()
    }
}

struct Normalizer(Plan);

impl Transform for Normalizer {
    fn name(&self) -> &str {
        "normalize"
    }

    fn plan(&self) -> &Plan {
        &self.0
    }

    fn apply(&mut self, input: &Batch) -> Result<Output, Fault> {
        let mut columns = input.columns.clone();
        for flags in &mut columns[3..5] {
            let known = flags.values.as_boolean().iter();
            let known: BooleanArray = known.map(|flag| Some(flag == Some(true))).collect();
            *flags = Column::new(Arc::new(known));
        }
        Ok(Output {
            columns,
            rows: input.rows,
            source_rows: None,
            rejections: Vec::new(),
        })
    }
}

/// Writes `a` in upper case; where that is absent, so is what it writes.
struct Loud {
    plan: Plan,
    rejects: bool,
}

impl Transform for Loud {
    fn name(&self) -> &str {
        "loud"
    }

    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn apply(&mut self, input: &Batch) -> Result<Output, Fault> {
        let a = &input.columns[0];
        let texts: Vec<Option<&str>> = a.values.as_string::<i32>().iter().collect();
        let rows = 0..input.rows as u32;
        let is_bad = |row: &u32| self.rejects && texts[*row as usize] == Some(REJECTED);
        let (bad, good): (Vec<u32>, Vec<u32>) = rows.partition(is_bad);
        let is_present = |row: &u32| {
            let presence = a.presence.as_ref();
            presence.is_none_or(|bits| bits.value(*row as usize))
        };
        let louder = good
            .iter()
            .map(|row| texts[*row as usize].map(str::to_uppercase));
        let rejections = bad.into_iter().map(|row| Rejection {
            row,
            code: REJECTED.to_owned(),
            message: "not wanted".to_owned(),
        });
        Ok(Output {
            columns: vec![Column {
                values: Arc::new(louder.collect::<StringArray>()),
                presence: Some(good.iter().map(is_present).collect()),
            }],
            rows: good.len(),
            rejections: rejections.collect(),
            source_rows: Some(good),
        })
    }
}
