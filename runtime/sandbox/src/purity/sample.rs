//! Rows for a component that nobody has written cases for.

use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, BooleanArray, Float64Array, Int64Array, StringArray};
use arrow_schema::DataType;
use gristmill_core::column::{Batch, Column, Field, LogicalType};
use gristmill_core::plan::Plan;

/// How many rows a sample has. 120: each column's list of values is gone through several times, and
/// against every other column's at different places.
const ROWS: usize = 120;

/// Text that rules meet, and text that they do not expect.
const TEXTS: [&str; 17] = [
    "",
    " ",
    "a",
    "c",
    "u",
    "d",
    "Zoë 🚀 ß",
    "ann@contoso.com",
    "no at",
    "@",
    "EE",
    "de-DE",
    "0",
    "-12.50",
    "2024-02-29",
    "\"quoted\", \\ and\ttabbed\n",
    "{\"a\":[1,null]}",
];

const INTEGERS: [i64; 11] = [
    0,
    1,
    -1,
    2,
    7,
    1_000,
    65_536,
    1_726_531_200_000,
    -86_400_001,
    i64::MAX,
    i64::MIN,
];

/// Days, and milliseconds or microseconds by a factor: the epoch, before it, a leap day, and the
/// ends of what Postgres can hold.
const DAYS: [i64; 7] = [0, 1, -1, 19_782, 20_000, -719_162, 2_932_896];

/// Midnight, noon, and the ends of a day, of which a time may be the one after the last.
const TIMES_MS: [i64; 5] = [0, 43_200_000, 1, 86_399_999, 86_400_000];

const NUMBERS: [&str; 6] = ["0", "-1.50", "1e3", "NaN", "0.000000000000000000001", LARGE];

/// More digits than 128 bits hold.
const LARGE: &str = "-123456789012345678901234567890123456789012345678901234567890";

const FLOATS: [f64; 9] = [
    0.0,
    -0.0,
    1.5,
    -2.25,
    1e300,
    f64::MIN_POSITIVE,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
];

const UUIDS: [&str; 3] = [
    "00000000-0000-0000-0000-000000000000",
    "7d444840-9dc0-11d1-b245-5ffdce74fad2",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
];

const DOCUMENTS: [&str; 7] = [
    "null",
    "{}",
    "[]",
    "0",
    "\"text\"",
    "{\"a\":{\"b\":[1,2.5,true]}}",
    "[[],{\"ä\":\"\"}]",
];

/// A batch for a plan: its reads and what its joins take, with nulls and absent values where the
/// plan allows them, and empty and odd values of each type. The same for the same plan, on every
/// machine.
pub fn sample(plan: &Plan) -> Batch {
    let taken = plan.joins.iter().flat_map(|join| &join.take);
    let columns = plan.reads.iter().map(|field| (field, true));
    // The host knows what it joined: null without a match, never absent.
    let columns = columns.chain(taken.map(|field| (field, false)));
    Batch {
        rows: ROWS,
        fields: plan.input_fields().cloned().collect(),
        columns: columns
            .enumerate()
            .map(|(i, (field, may_be_absent))| column(i, field, may_be_absent))
            .collect(),
    }
}

/// The column in place `place`: each begins somewhere else in its list, so that columns of one type
/// do not run in step.
fn column(place: usize, field: &Field, may_be_absent: bool) -> Column {
    let is_null = |row: usize| field.nullable && (row + 3 * place) % 7 == 3;
    let is_absent = |row: usize| field.nullable && may_be_absent && (row + 5 * place) % 11 == 5;
    let present = |row: &usize| !is_null(*row) && !is_absent(*row);
    let values = values(field.logical_type, place, present);
    let presence =
        (field.nullable && may_be_absent).then(|| (0..ROWS).map(|row| !is_absent(row)).collect());
    Column { values, presence }
}

fn values(logical_type: LogicalType, place: usize, present: impl Fn(&usize) -> bool) -> ArrayRef {
    /// A value of the list for each row that has one. The list is begun again one value later each
    /// time round, so that rows repeat late.
    fn cycle<T: Clone>(
        list: &[T],
        place: usize,
        present: impl Fn(&usize) -> bool,
    ) -> Vec<Option<T>> {
        let value = |row: usize| list[(row + row / list.len() + 2 * place) % list.len()].clone();
        (0..ROWS)
            .map(|row| present(&row).then(|| value(row)))
            .collect()
    }
    // At eight in the morning.
    let scaled = |factor: i64| DAYS.map(|days| days * factor + factor / 3);
    let (decimals, texts): (Vec<String>, &[&str]);
    match logical_type {
        LogicalType::Boolean => {
            return Arc::new(BooleanArray::from(cycle(
                &[true, false, false],
                place,
                present,
            )));
        }
        LogicalType::Float64 => {
            return Arc::new(Float64Array::from(cycle(&FLOATS, place, present)));
        }
        LogicalType::Int64 => return Arc::new(Int64Array::from(cycle(&INTEGERS, place, present))),
        LogicalType::Date => return Arc::new(Int64Array::from(cycle(&DAYS, place, present))),
        LogicalType::TimestampMs => {
            return Arc::new(Int64Array::from(cycle(&scaled(86_400_000), place, present)));
        }
        LogicalType::TimestampUs => {
            return Arc::new(Int64Array::from(cycle(
                &scaled(86_400_000_000),
                place,
                present,
            )));
        }
        LogicalType::TimeMs => {
            return Arc::new(Int64Array::from(cycle(&TIMES_MS, place, present)));
        }
        LogicalType::TimeUs => {
            let times = TIMES_MS.map(|ms| ms * 1_000);
            return Arc::new(Int64Array::from(cycle(&times, place, present)));
        }
        LogicalType::Bytes => {
            let bytes: [&[u8]; 4] = [b"", b"text", b"\0\xff\xfe", b"\xc3\x28"];
            return Arc::new(BinaryArray::from(cycle(&bytes, place, present)));
        }
        LogicalType::Text => texts = &TEXTS,
        LogicalType::Uuid => texts = &UUIDS,
        LogicalType::Json => texts = &DOCUMENTS,
        LogicalType::Numeric => texts = &NUMBERS,
        LogicalType::Decimal { precision, scale } => {
            decimals = decimals_of(precision, scale);
            let all: Vec<&str> = decimals.iter().map(String::as_str).collect();
            return Arc::new(StringArray::from(cycle(&all, place, present)));
        }
    }
    debug_assert_eq!(logical_type.data_type(), DataType::Utf8);
    Arc::new(StringArray::from(cycle(texts, place, present)))
}

/// Zero, the smallest step, and both ends.
fn decimals_of(precision: u8, scale: u8) -> Vec<String> {
    let (whole, scale) = (
        usize::from(precision.saturating_sub(scale)),
        usize::from(scale),
    );
    let number = |whole: &str, fraction: &str| match scale {
        0 => whole.to_owned(),
        _ => format!("{whole}.{fraction}"),
    };
    let nines = match whole {
        0 => "0".to_owned(),
        _ => "9".repeat(whole),
    };
    let largest = number(&nines, &"9".repeat(scale));
    let smallest = match scale {
        0 => "1".to_owned(),
        _ => number("0", &format!("{:0>scale$}", 1)),
    };
    vec![
        number("0", &"0".repeat(scale)),
        smallest.clone(),
        format!("-{smallest}"),
        largest.clone(),
        format!("-{largest}"),
    ]
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;

    use super::*;

    const TYPES: [&str; 15] = [
        "boolean",
        "int64",
        "float64",
        "text",
        "bytes",
        "timestamp(us)",
        "timestamp(ms)",
        "date",
        "time(us)",
        "time(ms)",
        "uuid",
        "decimal",
        "decimal(4,2)",
        "decimal(3,0)",
        "json",
    ];

    fn fields(nullable: bool) -> Vec<Field> {
        let field = |name: &str| Field {
            name: name.to_owned(),
            logical_type: name.parse().unwrap(),
            nullable,
        };
        TYPES.map(field).into()
    }

    #[test]
    fn every_type_has_values_nulls_and_absent_ones_where_they_may_be() {
        let plan = |nullable| Plan {
            reads: fields(nullable),
            ..Plan::default()
        };
        let (some, all) = (sample(&plan(true)), sample(&plan(false)));
        assert!(some.is_well_formed() && all.is_well_formed());
        for (i, name) in TYPES.iter().enumerate() {
            let (column, full) = (&some.columns[i], &all.columns[i]);
            let known = column.presence.as_ref().unwrap();
            let nulls = (0..ROWS).filter(|r| known.value(*r) && column.values.is_null(*r));
            let absent = (0..ROWS).filter(|r| !known.value(*r));
            assert!(nulls.count() > 5 && absent.count() > 5, "{name}");
            assert!(column.values.null_count() < ROWS / 2, "{name}");
            assert!(
                full.values.null_count() == 0 && full.presence.is_none(),
                "{name}"
            );
        }
    }

    #[test]
    fn decimals_fit_their_precision_and_scale() {
        assert_eq!(
            decimals_of(4, 2),
            ["0.00", "0.01", "-0.01", "99.99", "-99.99"]
        );
        assert_eq!(decimals_of(2, 0), ["0", "1", "-1", "99", "-99"]);
        assert_eq!(
            decimals_of(2, 2),
            ["0.00", "0.01", "-0.01", "0.99", "-0.99"]
        );
    }
}
