//! Whatever a component returns: either it is refused, or it is as promised. It never panics.

use std::sync::Arc;

use arrow_array::Array;
use gristmill_core::column::{Batch, LogicalType};
use gristmill_core::plan::Roles;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// Mostly as long as it should be.
fn about(length: usize) -> impl Strategy<Value = usize> {
    prop_oneof![40 => Just(length), 1 => 0..length + 2]
}

fn bits(rows: usize) -> impl Strategy<Value = Vec<u8>> {
    about(rows.div_ceil(8))
        .prop_flat_map(|bytes| vec(prop_oneof![4 => Just(0xff), 1 => any::<u8>()], bytes))
}

fn varlen(rows: usize) -> impl Strategy<Value = wit::VarlenResult> {
    let lengths = about(rows).prop_flat_map(|values| vec(0..4u32, values));
    let bytes = prop_oneof![20 => b'a'..=b'z', 1 => any::<u8>()];
    let lie = proptest::option::weighted(0.05, (any::<prop::sample::Index>(), any::<u32>()));
    (lengths, vec(bytes, 64), about(0), lie).prop_map(|(lengths, mut data, more, lie)| {
        let mut offsets = vec![0];
        offsets.extend(lengths.iter().scan(0, |end, length| {
            *end += length;
            Some(*end)
        }));
        data.truncate(offsets[lengths.len()] as usize + more);
        if let Some((at, offset)) = lie {
            let at = at.index(offsets.len());
            offsets[at] = offset;
        }
        wit::VarlenResult { offsets, data }
    })
}

fn values(rows: usize, honest: usize) -> impl Strategy<Value = wit::ValuesResult> {
    let layout = prop_oneof![30 => Just(honest), 1 => 0..5usize];
    layout.prop_flat_map(move |layout| match layout {
        0 => bits(rows).prop_map(wit::ValuesResult::Bits).boxed(),
        1 => about(rows)
            .prop_flat_map(|n| vec(any::<i64>(), n))
            .prop_map(wit::ValuesResult::Int64)
            .boxed(),
        2 => about(rows)
            .prop_flat_map(|n| vec(any::<f64>(), n))
            .prop_map(wit::ValuesResult::Float64)
            .boxed(),
        3 => varlen(rows).prop_map(wit::ValuesResult::Text).boxed(),
        _ => varlen(rows).prop_map(wit::ValuesResult::Bytes).boxed(),
    })
}

fn columns(rows: usize) -> impl Strategy<Value = Vec<wit::ColumnResult>> {
    let column = move |layout| {
        let bitmap = move || proptest::option::weighted(0.3, bits(rows));
        (bitmap(), bitmap(), values(rows, layout)).prop_map(|(validity, presence, values)| {
            wit::ColumnResult {
                validity,
                presence,
                values,
            }
        })
    };
    (0..5).map(column).collect::<Vec<_>>()
}

fn output(rows: usize) -> impl Strategy<Value = wit::Output> {
    let row = move || prop_oneof![30 => 0..rows.max(1) as u32, 1 => 0..rows as u32 + 2];
    let code = prop_oneof![9 => Just("declared".to_owned()), 1 => ".*"];
    let rejection = (row(), code, ".{0,9}").prop_map(|(row, code, message)| wit::Rejection {
        row,
        code,
        message,
    });
    let rejections = prop_oneof![3 => Just(vec![]), 1 => vec(rejection, 0..3)];
    // Sometimes exactly what an enricher has to say, sometimes anything.
    (
        rejections,
        proptest::option::of(vec(row(), 0..9)),
        any::<bool>(),
    )
        .prop_flat_map(move |(rejections, random, exact)| {
            let kept = || {
                (0..rows as u32)
                    .filter(|row| rejections.iter().all(|r| r.row != *row))
                    .collect()
            };
            let source_rows = if exact { Some(kept()) } else { random };
            let returned = source_rows.as_ref().map_or(rows, Vec::len);
            columns(returned).prop_map(move |columns| wit::Output {
                columns,
                source_rows: source_rows.clone(),
                rejections: rejections.clone(),
            })
        })
}

fn plan(nullable: bool, normalizes: bool) -> Plan {
    use LogicalType as T;
    let types = [T::Boolean, T::Int64, T::Float64, T::Text, T::Bytes];
    let field = |logical_type: LogicalType| Field {
        name: logical_type.to_string(),
        logical_type,
        nullable,
    };
    let roles = Roles {
        key: vec!["int64".into()],
        event_time: "int64".into(),
        deleted: None,
        order: vec![],
        ..Roles::default()
    };
    Plan {
        writes: types.map(field).to_vec(),
        roles: normalizes.then_some(roles),
        reject_codes: vec!["declared".into()],
        ..Plan::default()
    }
}

#[test]
fn an_answer_of_no_row_needs_no_columns() {
    let answer = |row| wit::Output {
        columns: Vec::new(),
        source_rows: Some(Vec::new()),
        rejections: vec![wit::Rejection {
            row,
            code: "declared".to_owned(),
            message: String::new(),
        }],
    };
    let plan = plan(true, false);
    let answered = check(&plan, 1, answer(0)).unwrap();
    assert_eq!(
        (answered.rows, answered.columns.len()),
        (0, plan.writes.len())
    );
    assert!(
        answered
            .columns
            .iter()
            .all(|column| column.values.is_empty())
    );
    let why = check(&plan, 2, answer(0)).unwrap_err();
    assert!(why.contains("returned 0 rows for 2"), "{why}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn an_answer_is_refused_or_as_promised(
        (rows, output) in (0..9usize).prop_flat_map(|rows| (Just(rows), output(rows))),
        nullable: bool,
        normalizes: bool,
    ) {
        let plan = plan(nullable, normalizes);
        let Ok(output) = check(&plan, rows, output) else { return Ok(()) };
        let fields: Arc<[Field]> = plan.writes.clone().into();
        let batch = Batch { rows: output.rows, fields, columns: output.columns };
        prop_assert!(batch.is_well_formed());
        for (field, column) in batch.fields.iter().zip(&batch.columns) {
            let is_role = normalizes && field.name == "int64";
            let is_absent = |row| column.presence.as_ref().is_some_and(|p| !p.value(row));
            let is_promised = |row| {
                nullable || column.values.is_valid(row) || !is_role && is_absent(row)
            };
            prop_assert!((0..batch.rows).all(is_promised));
            column.values.to_data().validate_full().unwrap();
            if let Some(presence) = &column.presence {
                let is_known = |row| presence.value(row) || column.values.is_null(row);
                prop_assert!((0..batch.rows).all(is_known));
            }
        }
        let rejected = |row: u32| output.rejections.iter().any(|r| r.row == row);
        let kept: Vec<u32> = (0..rows as u32).filter(|row| !rejected(*row)).collect();
        let source_rows = output.source_rows.unwrap_or_else(|| (0..rows as u32).collect());
        prop_assert_eq!(source_rows.len(), batch.rows);
        prop_assert!(source_rows.iter().all(|row| kept.contains(row)));
        prop_assert!(normalizes || source_rows == kept);
        let mut rejections = output.rejections.iter();
        prop_assert!(rejections.all(|r| (r.row as usize) < rows && r.code == "declared"));
    }
}
