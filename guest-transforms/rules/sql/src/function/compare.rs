//! Comparisons.

use std::cmp::Ordering;

use super::{Function, refused, strict};
use crate::call::Call;
use crate::column::{Column, NONE, Values};
use crate::types::Type::{
    self, Boolean, Bytea, Date, Float8, Int4, Int8, Jsonb, Numeric, Text, Time, Timestamp,
    Timestamptz, Uuid,
};

/// A double that is no number is equal to itself and larger than all others; zeros are equal.
pub(crate) fn compare_floats(a: f64, b: f64) -> Ordering {
    match a.partial_cmp(&b) {
        Some(order) => order,
        None => a.is_nan().cmp(&b.is_nan()),
    }
}

/// How two values of a row stand to each other, for all types of one layout.
fn order<'c>(call: &Call<'c, '_>) -> Box<dyn Fn(usize) -> Ordering + 'c> {
    let [left, right] = [0, 1].map(|index| call.arguments.get(index).map(|column| &column.values));
    let (Some(left), Some(right)) = (left, right) else {
        return Box::new(|_| Ordering::Equal);
    };
    order_of(left, right)
}

fn order_of<'c>(left: &'c Values, right: &'c Values) -> Box<dyn Fn(usize) -> Ordering + 'c> {
    match (left, right) {
        (Values::Bool(a), Values::Bool(b)) => Box::new(|row| a[row].cmp(&b[row])),
        (Values::Int(a), Values::Int(b)) => Box::new(|row| a[row].cmp(&b[row])),
        (Values::Float(a), Values::Float(b)) => Box::new(|row| compare_floats(a[row], b[row])),
        (Values::Numeric(a), Values::Numeric(b)) => Box::new(|row| a[row].compare(&b[row])),
        (Values::Text(a), Values::Text(b)) => Box::new(|row| a[row].cmp(b[row])),
        (Values::Bytes(a), Values::Bytes(b)) => Box::new(|row| a[row].cmp(b[row])),
        _ => Box::new(|_| Ordering::Equal),
    }
}

/// Nearly all comparisons are of texts for equality, which mostly differ in their lengths.
fn is_equal<'c>(left: &'c Values, right: &'c Values) -> Box<dyn Fn(usize) -> bool + 'c> {
    if let (Values::Text(a), Values::Text(b)) = (left, right) {
        return Box::new(|row| a[row] == b[row]);
    }
    let order = order_of(left, right);
    Box::new(move |row| order(row).is_eq())
}

fn equal<'a>(call: &Call<'_, 'a>) -> Column<'a> {
    let [left, right] = [0, 1].map(|at| &call.arguments[at].values);
    let is_equal = is_equal(left, right);
    call.to_bools(|row| Ok(Some(is_equal(row))))
}

macro_rules! comparisons {
    ($($of_type:ident),*) => {
        &[$(
            strict("=", &[$of_type, $of_type], Boolean, equal),
            strict("<>", &[$of_type, $of_type], Boolean, |call| {
                let order = order(call);
                call.to_bools(|row| Ok(Some(order(row).is_ne())))
            }),
            strict("<", &[$of_type, $of_type], Boolean, |call| {
                let order = order(call);
                call.to_bools(|row| Ok(Some(order(row).is_lt())))
            }),
            strict("<=", &[$of_type, $of_type], Boolean, |call| {
                let order = order(call);
                call.to_bools(|row| Ok(Some(order(row).is_le())))
            }),
            strict(">", &[$of_type, $of_type], Boolean, |call| {
                let order = order(call);
                call.to_bools(|row| Ok(Some(order(row).is_gt())))
            }),
            strict(">=", &[$of_type, $of_type], Boolean, |call| {
                let order = order(call);
                call.to_bools(|row| Ok(Some(order(row).is_ge())))
            }),
        )*
        refused("=", &[Jsonb, Jsonb], Boolean, JSON),
        refused("<>", &[Jsonb, Jsonb], Boolean, JSON),
        refused("<", &[Jsonb, Jsonb], Boolean, JSON),
        refused("<=", &[Jsonb, Jsonb], Boolean, JSON),
        refused(">", &[Jsonb, Jsonb], Boolean, JSON),
        refused(">=", &[Jsonb, Jsonb], Boolean, JSON),
        ]
    };
}

const JSON: &str = "JSON is not compared here: compare its text, as in `value ->> 'name' = 'x'`";

pub(super) static FUNCTIONS: &[Function] = comparisons!(
    Boolean,
    Int4,
    Int8,
    Float8,
    Numeric,
    Text,
    Bytea,
    Date,
    Time,
    Timestamp,
    Timestamptz,
    Uuid
);

/// Whether values of a type have an order here.
pub(crate) fn is_ordered(of_type: Type) -> bool {
    FUNCTIONS
        .iter()
        .any(|f| f.name == "<" && f.takes[0] == of_type && f.refused.is_none())
}

/// The first argument, null where the last two are equal: of two arguments these are they.
pub(crate) static NULLIF: Function = strict("nullif", &[Type::Any, Type::Any], Type::Any, |call| {
    let at = call.arguments.len() - 2;
    let (left, right) = (&call.arguments[at], &call.arguments[at + 1]);
    let is_equal = is_equal(&left.values, &right.values);
    let choice: Vec<u32> = (0..call.is_live.len())
        .map(|row| {
            if left.is_valid[row] && right.is_valid[row] && is_equal(row) {
                NONE
            } else {
                0
            }
        })
        .collect();
    Column::merge(&[&call.arguments[0]], &choice, Type::Any)
})
.lenient()
.nullable();

/// Whether two values differ; null is equal to itself.
pub(crate) static DISTINCT: Function = strict(
    "is distinct from",
    &[Type::Any, Type::Any],
    Boolean,
    |call| {
        let order = order(call);
        call.to_bools(|row| match (call.is_valid(0, row), call.is_valid(1, row)) {
            (true, true) => Ok(Some(order(row).is_ne())),
            (left, right) => Ok(Some(left != right)),
        })
    },
)
.lenient();

pub(crate) static GREATEST: Function = strict("greatest", &[Type::Any], Type::Any, |call| {
    extreme(call, Ordering::Greater)
})
.lenient();

pub(crate) static LEAST: Function = strict("least", &[Type::Any], Type::Any, |call| {
    extreme(call, Ordering::Less)
})
.lenient();

/// The largest or the smallest of a row; nulls do not count, and of equal ones it is the first.
fn extreme<'a>(call: &Call<'_, 'a>, wanted: Ordering) -> Column<'a> {
    let columns: Vec<&Column> = call.arguments.iter().map(AsRef::as_ref).collect();
    let mut choice = vec![NONE; call.is_live.len()];
    for (index, column) in columns.iter().enumerate() {
        // All rows against each source that may be the best so far.
        for (row, best) in choice.iter_mut().enumerate() {
            if !column.is_valid[row] || !call.is_live[row] {
                continue;
            }
            let is_better = columns
                .get(*best as usize)
                .is_none_or(|other| one_order(&column.values, &other.values, row) == wanted);
            if is_better {
                *best = index as u32;
            }
        }
    }
    Column::merge(&columns, &choice, Type::Any)
}

fn one_order(left: &Values, right: &Values, row: usize) -> Ordering {
    match (left, right) {
        (Values::Bool(a), Values::Bool(b)) => a[row].cmp(&b[row]),
        (Values::Int(a), Values::Int(b)) => a[row].cmp(&b[row]),
        (Values::Float(a), Values::Float(b)) => compare_floats(a[row], b[row]),
        (Values::Numeric(a), Values::Numeric(b)) => a[row].compare(&b[row]),
        (Values::Text(a), Values::Text(b)) => a[row].cmp(b[row]),
        (Values::Bytes(a), Values::Bytes(b)) => a[row].cmp(b[row]),
        _ => Ordering::Equal,
    }
}
