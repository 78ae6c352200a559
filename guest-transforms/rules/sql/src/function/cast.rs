//! Casts: what is of one type as of another.

use std::fmt::Write as _;

use super::{Function, Prepared, number, strict};
use crate::call::{Call, Failure};
use crate::column::Column;
use crate::numeric::Numeric as Decimal;
use crate::types::Type::{
    self, Boolean, Bytea, Date, Float8, Int4, Int8, Jsonb, Numeric, Text, Time, Timestamp,
    Timestamptz, Uuid,
};
use crate::{double, input, json, time};

pub(super) static FUNCTIONS: &[&[Function]] = &[OF_NUMBERS, OF_TIMES, OF_TEXTS, TO_TEXT, OF_JSON];

/// A cast from one type to another.
const fn cast(from: &'static [Type], to: Type, run: super::Run) -> Function {
    strict("cast", from, to, run)
}

fn same<'a>(call: &Call<'_, 'a>) -> Column<'a> {
    call.arguments[0].kept(call.is_live.len(), |_| true)
}

fn ints<'a>(call: &Call<'_, 'a>, compute: impl Fn(i64) -> Result<i64, Failure>) -> Column<'a> {
    let values = call.ints(0);
    call.to_ints(|row| compute(values[row]).map(Some))
}

/// The nearest whole number; of two the even one.
fn whole(value: f64, limit: f64, type_name: &'static str) -> Result<i64, Failure> {
    let value = value.round_ties_even();
    match value >= -limit && value < limit {
        true => Ok(value as i64),
        false => Err(type_name.into()),
    }
}

static OF_NUMBERS: &[Function] = &[
    cast(&[Boolean], Int4, |call| {
        let values = call.bools(0);
        call.to_ints(|row| Ok(Some(values[row].into())))
    }),
    cast(&[Int4], Boolean, |call| {
        let values = call.ints(0);
        call.to_bools(|row| Ok(Some(values[row] != 0)))
    }),
    cast(&[Int4], Int8, same),
    cast(&[Int8], Int4, |call| ints(call, number::int4)),
    cast(&[Int4], Float8, int_to_float),
    cast(&[Int8], Float8, int_to_float),
    cast(&[Int4], Numeric, int_to_decimal),
    cast(&[Int8], Numeric, int_to_decimal),
    cast(&[Float8], Int4, |call| {
        let values = call.floats(0);
        call.to_ints(|row| whole(values[row], 2_f64.powi(31), "integer out of range").map(Some))
    }),
    cast(&[Float8], Int8, |call| {
        let values = call.floats(0);
        call.to_ints(|row| whole(values[row], 2_f64.powi(63), "bigint out of range").map(Some))
    }),
    cast(&[Float8], Numeric, |call| {
        let values = call.floats(0);
        call.to_numerics(|row| {
            Decimal::of_f64(values[row])
                .map(Some)
                .map_err(Failure::Borrowed)
        })
    }),
    cast(&[Numeric], Int4, |call| {
        let values = call.numerics(0);
        call.to_ints(|row| {
            let value = values[row].to_i64("integer").map_err(Failure::Owned)?;
            number::int4(value).map(Some)
        })
    }),
    cast(&[Numeric], Int8, |call| {
        let values = call.numerics(0);
        call.to_ints(|row| {
            values[row]
                .to_i64("bigint")
                .map(Some)
                .map_err(Failure::Owned)
        })
    }),
    cast(&[Numeric], Float8, |call| {
        let values = call.numerics(0);
        call.to_floats(|row| values[row].to_f64().map(Some).map_err(Failure::Owned))
    }),
];

fn int_to_float<'a>(call: &Call<'_, 'a>) -> Column<'a> {
    let values = call.ints(0);
    call.to_floats(|row| Ok(Some(values[row] as f64)))
}

fn int_to_decimal<'a>(call: &Call<'_, 'a>) -> Column<'a> {
    let values = call.ints(0);
    call.to_numerics(|row| Ok(Some(values[row].into())))
}

static OF_TIMES: &[Function] = &[
    cast(&[Date], Timestamp, |call| ints(call, time::of_date)),
    cast(&[Date], Timestamptz, |call| ints(call, time::of_date)),
    cast(&[Timestamp], Timestamptz, same),
    cast(&[Timestamptz], Timestamp, same),
    cast(&[Timestamp], Date, |call| {
        ints(call, |at| Ok(time::date_of(at)))
    }),
    cast(&[Timestamptz], Date, |call| {
        ints(call, |at| Ok(time::date_of(at)))
    }),
    cast(&[Timestamp], Time, time_of).nullable(),
    cast(&[Timestamptz], Time, time_of).nullable(),
];

fn time_of<'a>(call: &Call<'_, 'a>) -> Column<'a> {
    let values = call.ints(0);
    call.to_ints(|row| Ok(time::time_of(values[row])))
}

/// What a text says, by a function of the text.
macro_rules! of_text {
    ($to:ident, $answer:ident, $parse:expr) => {
        strict("cast", &[Text], $to, |call| {
            let texts = call.texts(0);
            call.$answer(|row| $parse(texts[row]).map(Some).map_err(Failure::from))
        })
    };
}

static OF_TEXTS: &[Function] = &[
    of_text!(Boolean, to_bools, input::boolean),
    of_text!(Int4, to_ints, |text| input::whole(
        text,
        "integer",
        i64::from(i32::MAX)
    )),
    of_text!(Int8, to_ints, |text| input::whole(text, "bigint", i64::MAX)),
    of_text!(Float8, to_floats, input::double),
    of_text!(Numeric, to_numerics, Decimal::parse),
    of_text!(Date, to_ints, time::parse_date),
    of_text!(Time, to_ints, time::parse_time),
    of_text!(Timestamp, to_ints, |text| time::parse_timestamp(
        text, false
    )),
    of_text!(Timestamptz, to_ints, |text| time::parse_timestamp(
        text, true
    )),
    strict("cast", &[Text], Uuid, |call| {
        let texts = call.texts(0);
        call.to_texts(|row, buffer| input::uuid(texts[row], buffer).map_err(Failure::Owned))
    }),
    strict("cast", &[Text], Bytea, |call| {
        let texts = call.texts(0);
        call.to_bytes(|row, buffer| input::bytes(texts[row], buffer).map_err(Failure::Owned))
    }),
    strict("cast", &[Text], Jsonb, |call| {
        let texts = call.texts(0);
        call.to_texts(|row, buffer| json::normalize(texts[row], buffer).map_err(Failure::Owned))
    }),
];

/// A value as its text: `$write` appends it.
macro_rules! to_text {
    ($from:ident, $argument:ident, $write:expr) => {
        strict("cast", &[$from], Text, |call| {
            let values = call.$argument(0);
            call.to_texts(|row, buffer| {
                $write(&values[row], buffer);
                Ok(())
            })
        })
    };
}

static TO_TEXT: &[Function] = &[
    to_text!(Boolean, bools, |value: &bool, buffer: &mut String| {
        buffer.push_str(if *value { "true" } else { "false" });
    }),
    to_text!(Int4, ints, write_int),
    to_text!(Int8, ints, write_int),
    to_text!(Float8, floats, |value: &f64, buffer: &mut String| {
        double::write(*value, buffer)
    }),
    to_text!(Numeric, numerics, |value: &Decimal, buffer: &mut String| {
        let _ = write!(buffer, "{value}");
    }),
    to_text!(Bytea, bytes, |value: &&[u8], buffer: &mut String| {
        buffer.push_str("\\x");
        input::write_hexadecimal(value, buffer);
    }),
    to_text!(Date, ints, |days: &i64, buffer: &mut String| {
        time::write_date(*days, buffer)
    }),
    to_text!(Time, ints, |time: &i64, buffer: &mut String| {
        time::write_time(*time, buffer)
    }),
    to_text!(Timestamp, ints, |at: &i64, buffer: &mut String| {
        time::write_timestamp(*at, false, buffer);
    }),
    to_text!(Timestamptz, ints, |at: &i64, buffer: &mut String| {
        time::write_timestamp(*at, true, buffer);
    }),
    cast(&[Uuid], Text, same),
    cast(&[Jsonb], Text, same),
];

fn write_int(value: &i64, buffer: &mut String) {
    let _ = write!(buffer, "{value}");
}

/// A number or a truth of JSON; `$cast` makes the type of it.
macro_rules! of_json {
    ($to:ident, $answer:ident, $type_name:literal, $cast:expr) => {
        strict("cast", &[Jsonb], $to, |call| {
            let texts = call.texts(0);
            call.$answer(|row| {
                let number = json::number(texts[row], $type_name).map_err(Failure::Owned)?;
                $cast(number).map(Some)
            })
        })
    };
}

static OF_JSON: &[Function] = &[
    strict("cast", &[Jsonb], Boolean, |call| {
        let texts = call.texts(0);
        call.to_bools(|row| json::truth(texts[row]).map(Some).map_err(Failure::Owned))
    }),
    of_json!(Int4, to_ints, "integer", |value: Decimal| {
        number::int4(value.to_i64("integer").map_err(Failure::Owned)?)
    }),
    of_json!(Int8, to_ints, "bigint", |value: Decimal| value
        .to_i64("bigint")
        .map_err(Failure::Owned)),
    of_json!(Float8, to_floats, "double precision", |value: Decimal| {
        value.to_f64().map_err(Failure::Owned)
    }),
    of_json!(Numeric, to_numerics, "numeric", Ok::<Decimal, Failure>),
];

/// `numeric(precision,scale)`.
pub(crate) static FIT: Function = strict("numeric", &[Numeric], Numeric, |call| {
    let values = call.numerics(0);
    let Some(Prepared::Precision(precision, scale)) = call.prepared else {
        return same(call);
    };
    call.to_numerics(|row| {
        values[row]
            .fit(*precision, *scale)
            .map(Some)
            .map_err(Failure::Borrowed)
    })
});

/// `varchar(length)`: a cast cuts off what is longer.
pub(crate) static CUT: Function = strict("varchar", &[Text], Text, |call| {
    let texts = call.texts(0);
    let Some(Prepared::Length(length)) = call.prepared else {
        return same(call);
    };
    call.to_views(|row| Ok(Some(super::part::first_chars(texts[row], *length as usize))))
});

/// A truth as its output function writes it.
pub(crate) static LETTER: Function = strict("cast", &[Boolean], Text, |call| {
    let values = call.bools(0);
    call.to_views(|row| Ok(Some(if values[row] { "t" } else { "f" })))
});
