//! Events of a source that leaves cells out, and the rules for them.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, BooleanArray, StringArray};
use gristmill_core::chain::{Chain, ChainSpec, Delete, Layer, Truncate, WantedCells};
use gristmill_core::column::{Batch, Column, Field, LogicalType};
use gristmill_core::dedup::{VersionKind, VersionRule};
use gristmill_core::dimension::{Dimension, Dimensions};
use gristmill_core::plan::{Join, Plan, Roles};
use gristmill_core::record::Records;
use gristmill_core::transform::{Fault, Output, Rejection, Transform};

use super::mirror::{Cell, Given, Mirror, Stored, Version};
use crate::rules::{Native, PLAIN, field, ints, spec};

/// Cells of the columns `a`, `b` and `c`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Change {
    pub(crate) key: i64,
    pub(crate) at: i64,
    pub(crate) seq: Option<i64>,
    pub(crate) cells: [Cell; 3],
    pub(crate) is_deleted: bool,
    /// The source table was emptied.
    pub(crate) is_truncate: bool,
}

/// How a table is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mode {
    pub(crate) kind: VersionKind,
    pub(crate) delete: Delete,
}

/// What enrichers and Postgres do not take, in column `a` or `b`.
pub(crate) const REJECTED: &str = "reject";
pub(crate) const TRAPS: &str = "trap";
pub(crate) const REFUSED: &str = "refuse";

/// The target's columns behind key, time, order and flag.
const VALUES: [&str; 7] = ["a", "b", "c", "loud", "pair", "last", "tune"];

impl Change {
    fn json(&self) -> String {
        let mut json = serde_json::json!({
            "at": self.at, "seq": self.seq, "gone": self.is_deleted, "emptied": self.is_truncate,
        });
        if !self.is_truncate {
            json["key"] = self.key.into();
        }
        for (name, cell) in VALUES.iter().zip(&self.cells) {
            if let Some(value) = cell {
                json[*name] = value.clone().into();
            }
        }
        json.to_string()
    }

    pub(crate) fn version(&self, mode: Mode, offset: i64) -> Version {
        version(mode, self.at, self.seq, offset)
    }

    /// What the rules make of it, as the sink gets it. `stored` is the row to which it is written.
    pub(crate) fn given(&self, mode: Mode, offset: i64, stored: Option<&Stored>) -> Given {
        let [a, b, c] = self.cells.clone();
        // Where the one half is said, the other is known of the row.
        let inherited = |column: usize, other: &Cell| -> Cell {
            let stored = stored.filter(|row| !row.is_deleted && !self.is_deleted)?;
            let is_known = other.is_some() && !stored.unknown.contains(&column);
            is_known.then(|| stored.cells[column].clone())
        };
        let is_hard = self.is_deleted && mode.delete == Delete::Hard;
        let seen = |column: usize, other: usize| {
            let own = self.cells[column].clone();
            let seen = own.or_else(|| inherited(column, &self.cells[other]));
            seen.filter(|_| !is_hard)
        };
        // A delete is not refused: what a rule says of it is null.
        let is_refused = |cell: &Cell| self.is_deleted && is_refusable(cell);
        let louder = |a: Cell| match is_refused(&a) {
            true => Some(None),
            false => a.map(louder),
        };
        let loud: Cell = louder(a.clone().filter(|_| !is_hard));
        let last = loud.clone().map(|loud| loud.map(last));
        let pair = match (seen(1, 2), seen(2, 1)) {
            (b, _) if is_refused(&b) => Some(None),
            (Some(b), Some(c)) => Some(paired(b.as_deref(), named(c.as_deref()))),
            _ => None,
        };
        // By way of a rule that has no other reason to see the row.
        let tune = match (louder(seen(0, 2)), seen(2, 0)) {
            (Some(loud), Some(c)) => Some(paired(loud.as_deref(), c.as_deref())),
            _ => None,
        };
        Given {
            key: self.key,
            version: self.version(mode, offset),
            is_deleted: self.is_deleted,
            cells: vec![a, b, c, loud, pair, last, tune],
        }
    }

    /// Whether an enricher or Postgres takes it.
    pub(crate) fn is_good(&self) -> bool {
        let [a, b, _] = &self.cells;
        let is_taken = self.is_deleted || !is_refusable(a) && !is_refusable(b);
        is_taken && b.clone().flatten().as_deref() != Some(REFUSED)
    }
}

/// Whether an enricher takes no row with such a cell.
fn is_refusable(cell: &Cell) -> bool {
    let text = cell.as_ref().and_then(|text| text.as_deref());
    matches!(text, Some(REJECTED | TRAPS))
}

fn version(mode: Mode, at: i64, seq: Option<i64>, offset: i64) -> Version {
    match mode.kind {
        VersionKind::EventTime => (at, seq, offset),
        VersionKind::OrderFirst => (0, seq, offset),
        VersionKind::Offset => (0, None, offset),
    }
}

fn louder(text: Option<String>) -> Option<String> {
    text.map(|text| text.to_uppercase())
}

fn last(text: String) -> String {
    text.chars().last().map_or_else(String::new, String::from)
}

/// The dimension knows one text.
fn named(c: Option<&str>) -> Option<&str> {
    c.filter(|c| *c == "1").map(|_| "one")
}

fn paired(b: Option<&str>, name: Option<&str>) -> Option<String> {
    Some(format!("{}+{}", b.unwrap_or("-"), name.unwrap_or("-")))
}

/// As records at offsets from `first` on.
pub(crate) fn records(changes: &[Change], first: usize) -> Records {
    let mut records = Records::default();
    for (i, change) in changes.iter().enumerate() {
        let (offset, json) = ((first + i) as i64, change.json());
        let none = std::iter::empty();
        records.push(offset, Some(change.at), None, Some(json.as_bytes()), none);
    }
    records
}

/// The rows of a layer.
pub(crate) fn given(layer: &Layer, records: &Records, mode: Mode) -> Vec<Given> {
    let rows = &layer.rows;
    assert!(rows.is_well_formed());
    assert_eq!(rows.rows, layer.sources.len());
    let cell = |column: usize, row: usize| -> Cell {
        let column = &rows.columns[column];
        let is_present = column.presence.as_ref().is_none_or(|bits| bits.value(row));
        let text = column.values.as_string::<i32>();
        is_present.then(|| text.is_valid(row).then(|| text.value(row).to_owned()))
    };
    let row = |row: usize| {
        let seq = ints(rows, 2);
        let seq = seq.is_valid(row).then(|| seq.value(row));
        let offset = records.offset(layer.sources[row].record as usize);
        Given {
            key: ints(rows, 0).value(row),
            version: version(mode, ints(rows, 1).value(row) / 1000, seq, offset),
            is_deleted: rows.columns[3].values.as_boolean().value(row),
            cells: (4..11).map(|column| cell(column, row)).collect(),
        }
    };
    (0..rows.rows).map(row).collect()
}

/// What the table has of what a batch wants.
pub(crate) fn stored(table: &Mirror, wanted: &WantedCells) -> Batch {
    let keys = wanted.keys.columns[0].values.as_primitive::<Int64Type>();
    assert!(keys.values().is_sorted_by(|a, b| a < b));
    let column = |field: &Field| {
        let column = VALUES.iter().position(|name| *name == field.name).unwrap();
        let row = |key: &i64| table.rows.get(key).filter(|row| !row.is_deleted);
        let cell = |key: &i64| -> Cell {
            let known = row(key).filter(|row| !row.unknown.contains(&column));
            known.map(|row| row.cells[column].clone())
        };
        let cells: Vec<Cell> = keys.values().iter().map(cell).collect();
        Column {
            presence: Some(cells.iter().map(Option::is_some).collect()),
            values: Arc::new(
                cells
                    .into_iter()
                    .map(Option::flatten)
                    .collect::<StringArray>(),
            ),
        }
    };
    Batch {
        rows: wanted.keys.rows,
        fields: wanted.columns.clone().into(),
        columns: wanted.columns.iter().map(column).collect(),
    }
}

/// Of each row that is held against the table whether it is older.
pub(crate) fn older(
    table: &Mirror,
    wanted: &WantedCells,
    records: &Records,
    mode: Mode,
) -> Vec<bool> {
    let Some(of) = &wanted.held else {
        return Vec::new();
    };
    let held = given(&of.layer, records, mode);
    let keys = wanted.keys.columns[0].values.as_primitive::<Int64Type>();
    for (row, key) in held.iter().zip(&of.keys) {
        assert_eq!(row.key, keys.value(*key as usize));
    }
    let is_older = |row: &Given| {
        table
            .newest(row.key)
            .is_some_and(|newest| row.version < newest)
    };
    held.iter().map(is_older).collect()
}

fn text(name: &str) -> Field {
    field(name, LogicalType::Text, true)
}

fn normalizer(version: VersionRule) -> Native {
    let own = [
        field("at", LogicalType::TimestampMs, true),
        field("seq", LogicalType::Int64, true),
        text("a"),
        text("b"),
        text("c"),
    ];
    let mut writes = vec![field("key", LogicalType::Int64, true)];
    writes.extend(own.clone());
    let flags = ["gone", "emptied"].map(|name| field(name, LogicalType::Boolean, false));
    writes.extend(flags);
    let read = |f: &Field| Field {
        name: format!("value.{}", f.name),
        logical_type: match f.logical_type {
            LogicalType::TimestampMs => LogicalType::Int64,
            other => other,
        },
        nullable: true,
    };
    let roles = Roles {
        key: vec!["key".to_owned()],
        event_time: "at".to_owned(),
        deleted: Some("gone".to_owned()),
        order: vec!["seq".to_owned()],
        version,
        truncate: Some("emptied".to_owned()),
        old_key: Vec::new(),
    };
    let plan = Plan {
        reads: writes.iter().map(read).collect(),
        writes,
        roles: Some(roles),
        ..Plan::default()
    };
    Native {
        name: "normalize",
        plan,
        rule: Box::new(|batch| {
            let flag = |column: &Column| {
                let flags = column.values.as_boolean().iter();
                let known: BooleanArray = flags.map(|flag| Some(flag == Some(true))).collect();
                Column::new(Arc::new(known))
            };
            let mut columns = batch.columns.clone();
            columns[6] = flag(&columns[6]);
            columns[7] = flag(&columns[7]);
            Ok(all(columns, batch.rows))
        }),
    }
}

fn all(columns: Vec<Column>, rows: usize) -> Output {
    Output {
        columns,
        rows,
        source_rows: None,
        rejections: Vec::new(),
    }
}

/// An enricher as the SDK's row API makes one: where an input is absent, so is the output.
fn by_row(
    name: &'static str,
    (reads, joins, writes): (Vec<Field>, Vec<Join>, &str),
    rule: fn(&[Option<&str>]) -> Option<String>,
) -> Native {
    let plan = Plan {
        reads,
        joins,
        writes: vec![text(writes)],
        reject_codes: vec!["rejected".to_owned()],
        ..Plan::default()
    };
    let answer = move |batch: &Batch| {
        let texts: Vec<&StringArray> = batch.columns.iter().map(|c| c.values.as_string()).collect();
        let value = |column: usize, row: usize| {
            let texts = texts[column];
            texts.is_valid(row).then(|| texts.value(row))
        };
        let is_present = |row: usize| {
            let mut presence = batch.columns.iter().filter_map(|c| c.presence.as_ref());
            presence.all(|bits| bits.value(row))
        };
        let is_heard = |row: usize| {
            let mut presence = batch.columns.iter().map(|c| c.presence.as_ref());
            presence.any(|bits| bits.is_none_or(|bits| bits.value(row)))
        };
        let heard = (0..batch.rows).all(is_heard);
        assert!(heard, "a rule was shown rows of which nothing is known");
        if (0..batch.rows).any(|row| value(0, row) == Some(TRAPS)) {
            return Err(Fault::Trapped("unreachable executed".to_owned()));
        }
        let rows = 0..batch.rows as u32;
        let (bad, good): (Vec<u32>, Vec<u32>) =
            rows.partition(|&row| value(0, row as usize) == Some(REJECTED));
        let written = good.iter().map(|&row| {
            let row = row as usize;
            let values: Vec<_> = (0..texts.len()).map(|c| value(c, row)).collect();
            is_present(row).then(|| rule(&values)).flatten()
        });
        let presence = good.iter().map(|&row| is_present(row as usize)).collect();
        let column = Column {
            values: Arc::new(written.collect::<StringArray>()),
            presence: Some(presence),
        };
        let rejections = bad.into_iter().map(|row| Rejection {
            row,
            code: "rejected".to_owned(),
            message: "not wanted".to_owned(),
        });
        Ok(Output {
            columns: vec![column],
            rows: good.len(),
            rejections: rejections.collect(),
            source_rows: Some(good),
        })
    };
    let rule = Box::new(answer);
    Native { name, plan, rule }
}

fn dimensions() -> Dimensions {
    let rows = Batch {
        rows: 1,
        fields: Arc::from([text("c"), text("name")]),
        columns: ["1", "one"]
            .map(|value| Column::new(Arc::new(StringArray::from(vec![value]))))
            .to_vec(),
    };
    let names = Dimension::new("names", rows, &["c".to_owned()]).unwrap();
    Dimensions::from([("names".to_owned(), Arc::new(names))])
}

pub(crate) fn layered_spec(mode: Mode, truncate: Truncate) -> ChainSpec {
    let target = [
        field("key", LogicalType::Int64, false),
        field("at", LogicalType::TimestampUs, false),
        field("seq", LogicalType::Int64, true),
        field("gone", LogicalType::Boolean, false),
    ];
    ChainSpec {
        delete: mode.delete,
        truncate,
        target: target.into_iter().chain(VALUES.map(text)).collect(),
        ..spec(PLAIN)
    }
}

pub(crate) fn transforms(version: VersionRule) -> Vec<Box<dyn Transform>> {
    let join = Join {
        dimension: "names".to_owned(),
        on: vec!["c".to_owned()],
        take: vec![text("name")],
    };
    vec![
        Box::new(normalizer(version)),
        Box::new(by_row(
            "loud",
            (vec![text("a")], vec![], "loud"),
            |values| values[0].map(str::to_uppercase),
        )),
        Box::new(by_row(
            "pair",
            (vec![text("b")], vec![join], "pair"),
            |values| paired(values[0], values[1]),
        )),
        Box::new(by_row(
            "last",
            (vec![text("loud")], vec![], "last"),
            |values| values[0].map(|text| last(text.to_owned())),
        )),
        Box::new(by_row(
            "tune",
            (vec![text("loud"), text("c")], vec![], "tune"),
            |values| paired(values[0], values[1]),
        )),
    ]
}

pub(crate) fn chain_by(spec: ChainSpec, transforms: Vec<Box<dyn Transform>>) -> Chain {
    Chain::new(spec, transforms, Arc::new(dimensions()), None).unwrap()
}

pub(crate) fn chain(mode: Mode, truncate: Truncate, state_max_bytes: usize) -> Chain {
    let spec = ChainSpec {
        state_max_bytes,
        ..layered_spec(mode, truncate)
    };
    let kind = mode.kind;
    chain_by(spec, transforms(VersionRule { kind, epoch: 0 }))
}
