//! Dates and times, in UTC.

use super::{Function, Prepared, refused, strict};
use crate::call::{Call, Failure};
use crate::column::Column;
use crate::time::{self, Civil, Field, Format, Interval as Span, Part};
use crate::types::Type::{
    self, Date, Float8, Int4, Interval, Numeric, Text, Time, Timestamp, Timestamptz,
};
use crate::value::Value;

const SPANS: &str = "spans of time are constants here: take the difference of `extract(epoch from \
                     ..)` in seconds";
const AGE: &str = "its answer is a span of time, which columns here have not: take the difference \
                   of `extract(epoch from ..)` in seconds";

fn shifted<'a>(call: &Call<'_, 'a>, is_forward: bool) -> Column<'a> {
    let times = call.ints(0);
    let Some(Prepared::Interval(span)) = call.prepared else {
        return call.to_ints(|_| Ok(None));
    };
    let span = if is_forward { *span } else { span.negate() };
    call.to_ints(|row| span.after(times[row]).map(Some))
}

/// The same, of a day.
fn shifted_day<'a>(call: &Call<'_, 'a>, is_forward: bool) -> Column<'a> {
    let days = call.ints(0);
    let Some(Prepared::Interval(span)) = call.prepared else {
        return call.to_ints(|_| Ok(None));
    };
    let span = if is_forward { *span } else { span.negate() };
    call.to_ints(|row| span.after(time::of_date(days[row])?).map(Some))
}

fn days<'a>(call: &Call<'_, 'a>, day: usize, count: usize, sign: i64) -> Column<'a> {
    let (days, counts) = (call.ints(day), call.ints(count));
    call.to_ints(|row| match time::is_infinite(days[row]) {
        true => Ok(Some(days[row])),
        false => time::check_date(days[row].checked_add(counts[row] * sign)).map(Some),
    })
}

fn part_of<'a>(call: &Call<'_, 'a>, of: impl Fn(Field, i64) -> Part) -> Column<'a> {
    let times = call.ints(1);
    let Some(Prepared::Field(field)) = call.prepared else {
        return call.to_numerics(|_| Ok(None));
    };
    call.to_numerics(|row| Ok(of(*field, times[row]).to_numeric()))
}

fn part_as_float<'a>(
    call: &Call<'_, 'a>,
    of: impl Fn(Field, i64) -> Result<Part, Failure>,
) -> Column<'a> {
    let times = call.ints(1);
    let Some(Prepared::Field(field)) = call.prepared else {
        return call.to_floats(|_| Ok(None));
    };
    call.to_floats(|row| Ok(of(*field, times[row])?.to_f64()))
}

fn cut<'a>(call: &Call<'_, 'a>) -> Column<'a> {
    let times = call.ints(1);
    let Some(Prepared::Field(field)) = call.prepared else {
        return call.to_ints(|_| Ok(None));
    };
    call.to_ints(|row| match time::is_infinite(times[row]) {
        true => Ok(Some(times[row])),
        false => time::check_timestamp(Some(field.cut(times[row]))).map(Some),
    })
}

fn formatted<'a>(call: &Call<'_, 'a>) -> Column<'a> {
    let times = call.ints(0);
    let Some(Prepared::Format(format)) = call.prepared else {
        return call.to_views(|_| Ok(None));
    };
    call.to_texts_or_nulls(|row, buffer| {
        let is_written = !time::is_infinite(times[row]) && !format.is_empty();
        if is_written {
            format.write(times[row], buffer);
        }
        Ok(is_written)
    })
}

/// The wall clock of UTC, and the moment that it shows: the same number.
fn in_utc<'a>(call: &Call<'_, 'a>) -> Column<'a> {
    let times = call.ints(1);
    call.to_ints(|row| Ok(Some(times[row])))
}

fn of_epoch(seconds: f64) -> Result<i64, Failure> {
    if seconds.is_nan() {
        return Err("timestamp cannot be NaN".into());
    }
    if seconds.is_infinite() {
        return Ok(if seconds > 0.0 {
            time::INFINITY
        } else {
            time::NEGATIVE_INFINITY
        });
    }
    let wrong = || {
        let mut text = String::new();
        crate::double::write(seconds, &mut text);
        Failure::Owned(format!("timestamp out of range: \"{text}\""))
    };
    // Counted from 2000, as PostgreSQL does before it rounds.
    let since_2000 = ((seconds - 946_684_800.0) * 1e6).round_ties_even();
    if since_2000.abs() >= 9.3e18 {
        return Err(wrong());
    }
    let at = (since_2000 as i64).checked_add(946_684_800_000_000);
    time::check_timestamp(at).map_err(|_| wrong())
}

fn make_date(year: i64, month: i64, day: i64) -> Result<i64, Failure> {
    let wrong = || {
        Failure::Owned(format!(
            "date field value out of range: {year}-{month:02}-{day:02}"
        ))
    };
    let civil = Civil {
        year: if year < 0 { year + 1 } else { year },
        month,
        day,
    };
    if year == 0
        || !(1..=12).contains(&month)
        || !(1..=Civil::month_days(civil.year, month)).contains(&day)
    {
        return Err(wrong());
    }
    time::check_date(Some(civil.to_days()))
        .map_err(|_| Failure::Owned(format!("date out of range: {year}-{month:02}-{day:02}")))
}

type Prepares = Result<Option<Prepared>, (usize, String)>;

fn interval(arguments: &[Option<&Value>]) -> Prepares {
    match arguments.get(1).copied().flatten() {
        Some(Value::Interval(interval)) => Ok(Some(Prepared::Interval(*interval))),
        Some(Value::Null) => Ok(None),
        _ => Err((1, SPANS.to_owned())),
    }
}

fn field(arguments: &[Option<&Value>], is_taken: fn(Field) -> bool, of: &str) -> Prepares {
    let name = arguments.first().copied().flatten();
    if name.is_some_and(Value::is_null) {
        return Ok(None);
    }
    let name = name.and_then(Value::as_text);
    let name = name.ok_or_else(|| (0, "the field must be a constant".to_owned()))?;
    match Field::of_name(name) {
        None => {
            let near = crate::mistake::did_you_mean(name, Field::names());
            Err((0, format!("no field `{name}` is here{near}")))
        }
        Some(field) if !is_taken(field) => Err((
            0,
            format!("unit \"{}\" not supported for type {of}", field.name()),
        )),
        Some(field) => Ok(Some(Prepared::Field(field))),
    }
}

fn any_field(arguments: &[Option<&Value>]) -> Prepares {
    field(arguments, |_| true, "timestamp with time zone")
}

fn date_field(arguments: &[Option<&Value>]) -> Prepares {
    field(arguments, Field::is_of_date, "date")
}

fn time_field(arguments: &[Option<&Value>]) -> Prepares {
    field(arguments, Field::is_of_time, "time without time zone")
}

fn cut_field(arguments: &[Option<&Value>]) -> Prepares {
    field(arguments, Field::is_cut, "timestamp with time zone")
}

fn format(arguments: &[Option<&Value>]) -> Prepares {
    match arguments.get(1).copied().flatten() {
        Some(Value::Null) => Ok(None),
        Some(Value::Text(text)) => match Format::parse(text) {
            Ok(format) => Ok(Some(Prepared::Format(format))),
            Err(why) => Err((1, why)),
        },
        _ => Err((1, "the format must be a constant".to_owned())),
    }
}

fn utc(arguments: &[Option<&Value>]) -> Prepares {
    let zone = arguments
        .first()
        .copied()
        .flatten()
        .and_then(Value::as_text);
    match zone {
        Some(zone) if zone.eq_ignore_ascii_case("utc") => Ok(None),
        _ => Err((
            0,
            "the only time zone here is 'UTC': others change by law, and a rule gives the same \
             answer always"
                .to_owned(),
        )),
    }
}

/// A literal of an interval: made when it is read.
pub(crate) fn parse_interval(text: &str) -> Result<Value, String> {
    Span::parse(text).map(Value::Interval)
}

macro_rules! of_timestamps {
    ($($of_type:ident),*) => {
        &[$(
            strict("+", &[$of_type, Interval], $of_type, |call| shifted(call, true)).with(interval),
            strict("-", &[$of_type, Interval], $of_type, |call| shifted(call, false))
                .with(interval),
            refused("-", &[$of_type, $of_type], Interval, SPANS),
            strict("extract", &[Text, $of_type], Numeric, |call| {
                part_of(call, Field::of_timestamp)
            })
            .with(any_field)
            .nullable(),
            strict("date_part", &[Text, $of_type], Float8, |call| {
                part_as_float(call, |field, at| Ok(field.of_timestamp(at)))
            })
            .with(any_field)
            .nullable(),
            strict("date_trunc", &[Text, $of_type], $of_type, cut).with(cut_field),
            strict("to_char", &[$of_type, Text], Text, formatted).with(format).nullable(),
            refused("age", &[$of_type, $of_type], Interval, AGE),
        )*]
    };
}

pub(super) static TIMESTAMPS: &[Function] = of_timestamps!(Timestamp, Timestamptz);

pub(super) static FUNCTIONS: &[Function] = &[
    strict("+", &[Date, Int4], Date, |call| days(call, 0, 1, 1)),
    strict("+", &[Int4, Date], Date, |call| days(call, 1, 0, 1)),
    strict("-", &[Date, Int4], Date, |call| days(call, 0, 1, -1)),
    strict("-", &[Date, Date], Int4, |call| {
        let (a, b) = (call.ints(0), call.ints(1));
        call.to_ints(
            |row| match time::is_infinite(a[row]) || time::is_infinite(b[row]) {
                true => Err("cannot subtract infinite dates".into()),
                false => Ok(Some(a[row] - b[row])),
            },
        )
    }),
    strict("+", &[Date, Interval], Timestamp, |call| {
        shifted_day(call, true)
    })
    .with(interval),
    strict("-", &[Date, Interval], Timestamp, |call| {
        shifted_day(call, false)
    })
    .with(interval),
    strict("+", &[Date, Time], Timestamp, |call| {
        let (days, times) = (call.ints(0), call.ints(1));
        call.to_ints(|row| {
            let start = time::of_date(days[row])?;
            match time::is_infinite(start) {
                true => Ok(Some(start)),
                false => time::check_timestamp(start.checked_add(times[row])).map(Some),
            }
        })
    }),
    strict("+", &[Time, Date], Timestamp, |call| {
        let (times, days) = (call.ints(0), call.ints(1));
        call.to_ints(|row| {
            let start = time::of_date(days[row])?;
            match time::is_infinite(start) {
                true => Ok(Some(start)),
                false => time::check_timestamp(start.checked_add(times[row])).map(Some),
            }
        })
    }),
    refused(
        "+",
        &[Time, Interval],
        Time,
        "a time of day is not moved here",
    ),
    refused(
        "-",
        &[Time, Interval],
        Time,
        "a time of day is not moved here",
    ),
    refused("-", &[Time, Time], Interval, SPANS),
    strict("extract", &[Text, Date], Numeric, |call| {
        part_of(call, Field::of_date)
    })
    .with(date_field)
    .nullable(),
    strict("extract", &[Text, Time], Numeric, |call| {
        part_of(call, Field::of_time)
    })
    .with(time_field),
    strict("date_part", &[Text, Date], Float8, |call| {
        part_as_float(call, |field, days| {
            time::of_date(days).map(|at| field.of_timestamp(at))
        })
    })
    .with(any_field)
    .nullable(),
    strict("date_part", &[Text, Time], Float8, |call| {
        part_as_float(call, |field, time| Ok(field.of_time(time)))
    })
    .with(time_field),
    strict("timezone", &[Text, Timestamp], Timestamptz, in_utc).with(utc),
    strict("timezone", &[Text, Timestamptz], Timestamp, in_utc).with(utc),
    strict("to_timestamp", &[Float8], Timestamptz, |call| {
        let seconds = call.floats(0);
        call.to_ints(|row| of_epoch(seconds[row]).map(Some))
    }),
    refused(
        "to_timestamp",
        &[Text, Text],
        Timestamptz,
        "cast a text in ISO form instead",
    ),
    refused(
        "to_date",
        &[Text, Text],
        Date,
        "cast a text in ISO form instead",
    ),
    strict("make_date", &[Int4, Int4, Int4], Date, |call| {
        let [years, months, days] = [0, 1, 2].map(|index| call.ints(index));
        call.to_ints(|row| make_date(years[row], months[row], days[row]).map(Some))
    }),
];

/// Whether values of the type compare with those of others as they are.
pub(crate) fn is_moment(of_type: Type) -> bool {
    matches!(of_type, Date | Timestamp | Timestamptz)
}
