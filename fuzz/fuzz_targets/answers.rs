//! Whatever a component answers to `open` and to `apply`: it is refused, or it is as promised.
#![no_main]

use std::collections::HashSet;
use std::sync::Arc;

use arbitrary::{Result, Unstructured};
use gristmill_core::column::{Batch, Field};
use gristmill_core::plan::Plan;
use gristmill_sandbox::fuzzed::{self, wit};
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 7] = ["a", "b", "c", "d", "value.a", "key.\"x.y\"", "meta.offset"];
const TYPES: [&str; 10] = [
    "boolean",
    "int64",
    "float64",
    "text",
    "bytes",
    "timestamp(us)",
    "decimal(9,2)",
    "json",
    "uuid",
    "list<int64>",
];

/// One in 16 times anything, else one of `likely`.
fn word(u: &mut Unstructured<'_>, likely: &[&str]) -> Result<String> {
    match u.ratio(1, 16)? {
        true => u.arbitrary(),
        false => Ok((*u.choose(likely)?).to_owned()),
    }
}

fn list<T>(
    u: &mut Unstructured<'_>,
    max: usize,
    one: impl Fn(&mut Unstructured<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    (0..u.int_in_range(0..=max)?).map(|_| one(u)).collect()
}

fn name(u: &mut Unstructured<'_>) -> Result<String> {
    word(u, &NAMES)
}

fn field(u: &mut Unstructured<'_>) -> Result<wit::Field> {
    Ok(wit::Field {
        name: name(u)?,
        logical_type: word(u, &TYPES)?,
        nullable: u.arbitrary()?,
    })
}

fn roles(u: &mut Unstructured<'_>) -> Result<wit::Roles> {
    Ok(wit::Roles {
        key: list(u, 2, name)?,
        event_time: name(u)?,
        deleted: u.arbitrary::<bool>()?.then(|| name(u)).transpose()?,
        order: list(u, 2, name)?,
    })
}

fn plan(u: &mut Unstructured<'_>) -> Result<wit::Plan> {
    let join = |u: &mut Unstructured<'_>| {
        Ok(wit::Join {
            dimension: name(u)?,
            on: list(u, 2, name)?,
            take: list(u, 2, field)?,
        })
    };
    let attribute = |u: &mut Unstructured<'_>| {
        let names = ["version", "epoch", "truncate", "missing-is-null"];
        let values = ["order-first", "offset", "7", "d", "value.a"];
        Ok((word(u, &names)?, word(u, &values)?))
    };
    Ok(wit::Plan {
        reads: list(u, 3, field)?,
        joins: list(u, 1, join)?,
        writes: list(u, 4, field)?,
        roles: u.arbitrary::<bool>()?.then(|| roles(u)).transpose()?,
        reject_codes: list(u, 2, name)?,
        attributes: list(u, 3, attribute)?,
    })
}

/// Mostly as long as it should be.
fn about(u: &mut Unstructured<'_>, length: usize) -> Result<usize> {
    match u.ratio(1, 32)? {
        true => u.int_in_range(0..=length + 2),
        false => Ok(length),
    }
}

fn bits(u: &mut Unstructured<'_>, rows: usize) -> Result<Vec<u8>> {
    (0..about(u, rows.div_ceil(8))?)
        .map(|_| u.arbitrary())
        .collect()
}

fn varlen(u: &mut Unstructured<'_>, rows: usize) -> Result<wit::VarlenResult> {
    let mut offsets = vec![0_u32];
    for _ in 0..about(u, rows)? {
        let length = u.int_in_range(0..=3)?;
        offsets.push(offsets.last().map_or(0, |end| end + length));
    }
    let length = offsets.last().map_or(0, |end| *end as usize);
    let length = about(u, length)?;
    let data = (0..length).map(|_| u.arbitrary()).collect::<Result<_>>()?;
    if u.ratio(1, 32)? {
        let at = u.choose_index(offsets.len())?;
        offsets[at] = u.arbitrary()?;
    }
    Ok(wit::VarlenResult { offsets, data })
}

fn column(u: &mut Unstructured<'_>, field: &Field, rows: usize) -> Result<wit::ColumnResult> {
    use wit::ValuesResult as V;
    let honest = match field.logical_type.to_string().as_str() {
        "boolean" => 0,
        "float64" => 2,
        "text" | "json" | "uuid" => 3,
        "bytes" => 4,
        _ => 1,
    };
    let layout = match u.ratio(1, 16)? {
        true => u.int_in_range(0..=4)?,
        false => honest,
    };
    let length = about(u, rows)?;
    let values = match layout {
        0 => V::Bits(bits(u, rows)?),
        1 => V::Int64((0..length).map(|_| u.arbitrary()).collect::<Result<_>>()?),
        2 => V::Float64((0..length).map(|_| u.arbitrary()).collect::<Result<_>>()?),
        3 => V::Text(varlen(u, rows)?),
        _ => V::Bytes(varlen(u, rows)?),
    };
    let mut bitmap = || u.arbitrary::<bool>()?.then(|| bits(u, rows)).transpose();
    Ok(wit::ColumnResult {
        validity: bitmap()?,
        presence: bitmap()?,
        values,
    })
}

fn output(u: &mut Unstructured<'_>, plan: &Plan, rows: usize) -> Result<wit::Output> {
    let codes: Vec<&str> = plan.reject_codes.iter().map(String::as_str).collect();
    let rejections = list(u, if codes.is_empty() { 0 } else { 2 }, |u| {
        Ok(wit::Rejection {
            row: u.int_in_range(0..=rows as u32)?,
            code: word(u, &codes)?,
            message: u.arbitrary()?,
        })
    })?;
    let is_kept = |row: &u32| rejections.iter().all(|r| r.row != *row);
    let source_rows = match u.int_in_range(0..=2)? {
        0 => None,
        1 => Some((0..rows as u32).filter(is_kept).collect::<Vec<u32>>()),
        _ => Some(list(u, 9, |u| u.int_in_range(0..=rows as u32))?),
    };
    let returned = source_rows.as_ref().map_or(rows, Vec::len);
    let columns = plan.writes.iter().map(|field| column(u, field, returned));
    Ok(wit::Output {
        columns: columns.collect::<Result<_>>()?,
        source_rows,
        rejections,
    })
}

fn run(u: &mut Unstructured<'_>) -> Result<()> {
    let Ok(plan) = fuzzed::plan(plan(u)?) else {
        return Ok(());
    };
    let rows = u.int_in_range(0..=20)?;
    let answered = output(u, &plan, rows)?;
    let Ok(output) = fuzzed::output(&plan, rows, answered) else {
        return Ok(());
    };
    let fields: Arc<[Field]> = plan.writes.clone().into();
    let batch = Batch {
        rows: output.rows,
        fields,
        columns: output.columns,
    };
    assert!(batch.is_well_formed());
    for (field, column) in batch.fields.iter().zip(&batch.columns) {
        let is_known = |row: &usize| column.presence.as_ref().is_none_or(|p| p.value(*row));
        let mut known = (0..batch.rows).filter(is_known);
        assert!(field.nullable || known.all(|row| column.values.is_valid(row)));
    }
    let rejected: HashSet<u32> = output.rejections.iter().map(|r| r.row).collect();
    assert_eq!(rejected.len(), output.rejections.len());
    assert!(rejected.iter().all(|row| (*row as usize) < rows));
    let kept: Vec<u32> = (0..rows as u32).filter(|r| !rejected.contains(r)).collect();
    let all = || (0..rows as u32).collect();
    let source_rows = output.source_rows.unwrap_or_else(all);
    assert_eq!(source_rows.len(), batch.rows);
    assert!(source_rows.iter().all(|row| kept.contains(row)));
    assert!(plan.roles.is_some() || source_rows == kept);
    Ok(())
}

fuzz_target!(|bytes: &[u8]| {
    // Too few bytes for an answer are none.
    let _ = run(&mut Unstructured::new(bytes));
});
