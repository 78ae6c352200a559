//! Comparisons.

use std::cmp::Ordering;

use super::{Function, refused, strict};
use crate::call::Call;
use crate::column::{Column, NONE, Values};
use crate::numeric::Numeric as Decimal;
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
    match (call.arguments.first(), call.arguments.get(1)) {
        (Some(left), Some(right)) => order_of(left, right),
        _ => Box::new(|_| Ordering::Equal),
    }
}

fn order_of<'c>(left: &'c Column, right: &'c Column) -> Box<dyn Fn(usize) -> Ordering + 'c> {
    macro_rules! by {
        ($lane:ident, $compare:expr) => {{
            let (a, b) = (left.$lane(), right.$lane());
            Box::new(move |row| $compare(&a[row], &b[row]))
        }};
    }
    match left.values {
        Values::Bool(_) => by!(bools, bool::cmp),
        Values::Int(_) => by!(ints, i64::cmp),
        Values::Float(_) => by!(floats, |a: &f64, b: &f64| compare_floats(*a, *b)),
        Values::Numeric(_) => by!(numerics, Decimal::compare),
        Values::Text(_) => by!(texts, |a: &&str, b: &&str| a.cmp(b)),
        Values::Bytes(_) => by!(bytes, |a: &&[u8], b: &&[u8]| a.cmp(b)),
    }
}

/// Nearly all comparisons are of texts for equality, which mostly differ in their lengths, and of
/// whole numbers.
fn equal<'a>(call: &Call<'_, 'a>) -> Column<'a> {
    match call.arguments[0].values {
        Values::Text(_) => {
            let (a, b) = (call.texts(0), call.texts(1));
            call.to_bools(|row| Ok(Some(a[row] == b[row])))
        }
        Values::Int(_) => {
            let (a, b) = (call.ints(0), call.ints(1));
            call.to_bools(|row| Ok(Some(a[row] == b[row])))
        }
        _ => {
            let order = order(call);
            call.to_bools(|row| Ok(Some(order(row).is_eq())))
        }
    }
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
    let (first, rows) = (&call.arguments[0], call.is_live.len());
    let both = |row| left.has(row) && right.has(row);
    match left.values {
        Values::Text(_) => {
            let (a, b) = (left.texts(), right.texts());
            first.kept(rows, |row| !(both(row) && a[row] == b[row]))
        }
        _ => {
            let order = order_of(left, right);
            first.kept(rows, |row| !(both(row) && order(row).is_eq()))
        }
    }
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
        // Against each column that may be the best so far.
        let orders: Vec<_> = columns[..index]
            .iter()
            .map(|other| order_of(column, other))
            .collect();
        for (row, best) in choice.iter_mut().enumerate() {
            if !call.is_live[row] || !column.has(row) {
                continue;
            }
            let best_so_far = orders.get(*best as usize);
            if best_so_far.is_none_or(|order| order(row) == wanted) {
                *best = index as u32;
            }
        }
    }
    Column::merge(&columns, &choice, Type::Any)
}
