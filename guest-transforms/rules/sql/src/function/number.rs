//! Arithmetic.

use super::{Function, refused, strict};
use crate::call::{Call, Failure};
use crate::column::Column;
use crate::numeric::{self, Numeric as Decimal};
use crate::types::Type::{Float8, Int4, Int8, Numeric, Text};

const DIVISION: Failure = Failure::Borrowed("division by zero");
const INTEGER: Failure = Failure::Borrowed("integer out of range");
const BIGINT: Failure = Failure::Borrowed("bigint out of range");
const OVERFLOW: Failure = Failure::Borrowed("value out of range: overflow");
const UNDERFLOW: Failure = Failure::Borrowed("value out of range: underflow");

const LIBRARY: &str = "its last digits depend on the C library of the server, so it is not here";

/// A whole number where it is an `integer`.
pub(super) fn int4(value: i64) -> Result<i64, Failure> {
    i32::try_from(value).map(i64::from).map_err(|_| INTEGER)
}

/// Whole numbers of two, as an `integer` or as a `bigint`.
fn whole<'a>(
    call: &Call<'_, 'a>,
    is_int4: bool,
    compute: impl Fn(i64, i64) -> Result<Option<i64>, Failure>,
) -> Column<'a> {
    let (a, b) = (call.ints(0), call.ints(1));
    call.to_ints(|row| {
        let value = compute(a[row], b[row])?.ok_or(BIGINT)?;
        Ok(Some(if is_int4 { int4(value)? } else { value }))
    })
}

fn floats<'a>(
    call: &Call<'_, 'a>,
    compute: impl Fn(f64, f64) -> Result<f64, Failure>,
) -> Column<'a> {
    let (a, b) = (call.floats(0), call.floats(1));
    call.to_floats(|row| compute(a[row], b[row]).map(Some))
}

fn float<'a>(call: &Call<'_, 'a>, compute: impl Fn(f64) -> f64) -> Column<'a> {
    let values = call.floats(0);
    call.to_floats(|row| Ok(Some(compute(values[row]))))
}

fn decimals<'a>(
    call: &Call<'_, 'a>,
    compute: impl Fn(&Decimal, &Decimal) -> numeric::Answer,
) -> Column<'a> {
    let (a, b) = (call.numerics(0), call.numerics(1));
    call.to_numerics(|row| {
        compute(&a[row], &b[row])
            .map(Some)
            .map_err(Failure::Borrowed)
    })
}

fn decimal<'a>(call: &Call<'_, 'a>, compute: impl Fn(&Decimal) -> numeric::Answer) -> Column<'a> {
    let values = call.numerics(0);
    call.to_numerics(|row| compute(&values[row]).map(Some).map_err(Failure::Borrowed))
}

/// A decimal and a number of places.
fn places<'a>(
    call: &Call<'_, 'a>,
    compute: impl Fn(&Decimal, i64) -> numeric::Answer,
) -> Column<'a> {
    let (values, places) = (call.numerics(0), call.ints(1));
    call.to_numerics(|row| {
        compute(&values[row], places[row])
            .map(Some)
            .map_err(Failure::Borrowed)
    })
}

fn divide(a: i64, b: i64) -> Result<Option<i64>, Failure> {
    if b == 0 {
        Err(DIVISION)
    } else {
        Ok(a.checked_div(b))
    }
}

fn remainder(a: i64, b: i64) -> Result<Option<i64>, Failure> {
    // The smallest number modulo -1 is zero, not an overflow.
    if b == 0 {
        Err(DIVISION)
    } else {
        Ok(Some(a.wrapping_rem(b)))
    }
}

fn finite(result: f64, is_infinite: bool) -> Result<f64, Failure> {
    if result.is_infinite() && !is_infinite {
        Err(OVERFLOW)
    } else {
        Ok(result)
    }
}

fn multiply_floats(a: f64, b: f64) -> Result<f64, Failure> {
    let result = finite(a * b, a.is_infinite() || b.is_infinite())?;
    let is_lost = result == 0.0 && a != 0.0 && b != 0.0;
    if is_lost { Err(UNDERFLOW) } else { Ok(result) }
}

fn divide_floats(a: f64, b: f64) -> Result<f64, Failure> {
    if b == 0.0 && !a.is_nan() {
        return Err(DIVISION);
    }
    let result = finite(a / b, a.is_infinite())?;
    let is_lost = result == 0.0 && a != 0.0 && !b.is_infinite();
    if is_lost { Err(UNDERFLOW) } else { Ok(result) }
}

fn sign_of(value: f64) -> f64 {
    match value {
        _ if value > 0.0 => 1.0,
        _ if value < 0.0 => -1.0,
        _ => 0.0,
    }
}

/// Operators of whole numbers: of two `integer`s one, elsewhere a `bigint`.
macro_rules! whole_operators {
    ($($name:literal => $compute:expr),* $(,)?) => {
        &[$(
            strict($name, &[Int4, Int4], Int4, |call| whole(call, true, $compute)),
            strict($name, &[Int8, Int8], Int8, |call| whole(call, false, $compute)),
            strict($name, &[Int4, Int8], Int8, |call| whole(call, false, $compute)),
            strict($name, &[Int8, Int4], Int8, |call| whole(call, false, $compute)),
        )*]
    };
}

pub(super) static WHOLE: &[Function] = whole_operators!(
    "+" => |a, b| Ok(a.checked_add(b)),
    "-" => |a, b| Ok(a.checked_sub(b)),
    "*" => |a, b| Ok(a.checked_mul(b)),
    "/" => divide,
    "%" => remainder,
);

pub(super) static FUNCTIONS: &[Function] = &[
    strict("+", &[Float8, Float8], Float8, |call| {
        floats(call, |a, b| {
            finite(a + b, a.is_infinite() || b.is_infinite())
        })
    }),
    strict("-", &[Float8, Float8], Float8, |call| {
        floats(call, |a, b| {
            finite(a - b, a.is_infinite() || b.is_infinite())
        })
    }),
    strict("*", &[Float8, Float8], Float8, |call| {
        floats(call, multiply_floats)
    }),
    strict("/", &[Float8, Float8], Float8, |call| {
        floats(call, divide_floats)
    }),
    strict("+", &[Numeric, Numeric], Numeric, |call| {
        decimals(call, Decimal::add)
    }),
    strict("-", &[Numeric, Numeric], Numeric, |call| {
        decimals(call, Decimal::subtract)
    }),
    strict("*", &[Numeric, Numeric], Numeric, |call| {
        decimals(call, Decimal::multiply)
    }),
    strict("/", &[Numeric, Numeric], Numeric, |call| {
        decimals(call, Decimal::divide)
    }),
    strict("%", &[Numeric, Numeric], Numeric, |call| {
        decimals(call, Decimal::modulo)
    }),
    refused("^", &[Float8, Float8], Float8, LIBRARY),
    refused("^", &[Numeric, Numeric], Numeric, LIBRARY),
    strict("-", &[Int4], Int4, |call| {
        let values = call.ints(0);
        call.to_ints(|row| int4(-values[row]).map(Some))
    }),
    strict("-", &[Int8], Int8, |call| {
        let values = call.ints(0);
        call.to_ints(|row| values[row].checked_neg().ok_or(BIGINT).map(Some))
    }),
    strict("-", &[Float8], Float8, |call| float(call, |value| -value)),
    strict("-", &[Numeric], Numeric, |call| {
        decimal(call, |value| Ok(value.clone().negate()))
    }),
    strict("+", &[Int4], Int4, |call| {
        call.to_ints(|row| Ok(Some(call.ints(0)[row])))
    }),
    strict("+", &[Int8], Int8, |call| {
        call.to_ints(|row| Ok(Some(call.ints(0)[row])))
    }),
    strict("+", &[Float8], Float8, |call| float(call, |value| value)),
    strict("+", &[Numeric], Numeric, |call| {
        decimal(call, |value| Ok(value.clone()))
    }),
    strict("mod", &[Int4, Int4], Int4, |call| {
        whole(call, true, remainder)
    }),
    strict("mod", &[Int8, Int8], Int8, |call| {
        whole(call, false, remainder)
    }),
    strict("mod", &[Numeric, Numeric], Numeric, |call| {
        decimals(call, Decimal::modulo)
    }),
    strict("abs", &[Int4], Int4, |call| {
        let values = call.ints(0);
        call.to_ints(|row| int4(values[row].wrapping_abs()).map(Some))
    }),
    strict("abs", &[Int8], Int8, |call| {
        let values = call.ints(0);
        call.to_ints(|row| values[row].checked_abs().ok_or(BIGINT).map(Some))
    }),
    strict("abs", &[Float8], Float8, |call| float(call, f64::abs)),
    strict("abs", &[Numeric], Numeric, |call| {
        decimal(call, |value| Ok(value.clone().abs()))
    }),
    strict("round", &[Float8], Float8, |call| {
        float(call, f64::round_ties_even)
    }),
    strict("round", &[Numeric], Numeric, |call| {
        decimal(call, |value| value.round(0))
    }),
    strict("round", &[Numeric, Int4], Numeric, |call| {
        places(call, Decimal::round)
    }),
    strict("trunc", &[Float8], Float8, |call| float(call, f64::trunc)),
    strict("trunc", &[Numeric], Numeric, |call| {
        decimal(call, |value| value.truncate(0))
    }),
    strict("trunc", &[Numeric, Int4], Numeric, |call| {
        places(call, Decimal::truncate)
    }),
    strict("ceil", &[Float8], Float8, |call| float(call, f64::ceil)),
    strict("ceil", &[Numeric], Numeric, |call| {
        decimal(call, |value| value.whole(true))
    }),
    strict("ceiling", &[Float8], Float8, |call| float(call, f64::ceil)),
    strict("ceiling", &[Numeric], Numeric, |call| {
        decimal(call, |value| value.whole(true))
    }),
    strict("floor", &[Float8], Float8, |call| float(call, f64::floor)),
    strict("floor", &[Numeric], Numeric, |call| {
        decimal(call, |value| value.whole(false))
    }),
    strict("sign", &[Float8], Float8, |call| float(call, sign_of)),
    strict("sign", &[Numeric], Numeric, |call| {
        decimal(call, |value| match value.is_nan() {
            true => Ok(Decimal::NaN),
            false => Ok(value.signum().into()),
        })
    }),
    strict("sqrt", &[Float8], Float8, |call| {
        let values = call.floats(0);
        call.to_floats(|row| match values[row] < 0.0 {
            true => Err("cannot take square root of a negative number".into()),
            false => Ok(Some(values[row].sqrt())),
        })
    }),
    refused(
        "sqrt",
        &[Numeric],
        Numeric,
        "of a numeric it is not here: take that of a double, \
                                          `sqrt(value::float8)`",
    ),
    refused("power", &[Float8, Float8], Float8, LIBRARY),
    refused("power", &[Numeric, Numeric], Numeric, LIBRARY),
    refused("pow", &[Float8, Float8], Float8, LIBRARY),
    refused("pow", &[Numeric, Numeric], Numeric, LIBRARY),
    refused("exp", &[Float8], Float8, LIBRARY),
    refused("exp", &[Numeric], Numeric, LIBRARY),
    refused("ln", &[Float8], Float8, LIBRARY),
    refused("ln", &[Numeric], Numeric, LIBRARY),
    refused("log", &[Float8], Float8, LIBRARY),
    refused("log", &[Numeric], Numeric, LIBRARY),
    strict("to_hex", &[Int4], Text, |call| {
        let values = call.ints(0);
        call.to_texts(|row, buffer| hexadecimal(buffer, u64::from(values[row] as u32)))
    }),
    strict("to_hex", &[Int8], Text, |call| {
        let values = call.ints(0);
        call.to_texts(|row, buffer| hexadecimal(buffer, values[row] as u64))
    }),
];

fn hexadecimal(buffer: &mut String, value: u64) -> Result<(), Failure> {
    use std::fmt::Write as _;
    write!(buffer, "{value:x}").map_err(|_| Failure::Borrowed("out of memory"))
}
