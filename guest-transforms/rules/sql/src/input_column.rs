//! Columns as the host sends them, as those of SQL's types.

use std::rc::Rc;

use gristmill_guest::{AnyColumn, Bits, Bytes, Column as GuestColumn, Text};

use crate::call::{Call, Failure, Failures, Slot};
use crate::column::{Column, Values};
use crate::numeric::Numeric;
use crate::types::Type;
use crate::{input, json, time};

/// A column that comes in.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    /// The name in expressions.
    pub(crate) name: String,
    /// The name in the batch: of a normalizer a path.
    pub(crate) field: String,
    pub(crate) logical: String,
    pub(crate) of_type: Type,
}

impl Input {
    pub(crate) fn new(name: &str, field: &str, logical: &str) -> Result<Self, String> {
        let of_type = Type::of_logical(logical).ok_or_else(|| {
            format!(
                "`{name}` is of type `{logical}`, which is not known: take boolean, int64, \
                 float64, text, bytes, timestamp(us), timestamp(ms), date, time(us), time(ms), \
                 uuid, decimal(p,s), decimal or json"
            )
        })?;
        let (name, field, logical) = (name.to_owned(), field.to_owned(), logical.to_owned());
        Ok(Self {
            name,
            field,
            logical,
            of_type,
        })
    }

    /// The values. What is no value of the type fails.
    pub(crate) fn read<'a>(
        &self,
        any: &'a AnyColumn,
        rows: usize,
        slot: &'a Slot,
        failures: &Failures,
    ) -> Column<'a> {
        let (values, is_valid) = values(any);
        let raw = Rc::new(Column::new(values, is_valid));
        let is_live = raw.is_valid.clone();
        let arguments = [raw];
        let call = Call {
            arguments: &arguments,
            is_live: &is_live,
            prepared: None,
            slot,
            failures,
        };
        debug_assert_eq!(rows, is_live.len());
        match self.logical.as_str() {
            "timestamp(ms)" => moments(&call, |at| from_ms(at).and_then(timestamp)),
            "timestamp(us)" => moments(&call, timestamp),
            "time(ms)" => moments(&call, |at| from_ms(at).and_then(time_of_day)),
            "time(us)" => moments(&call, time_of_day),
            "date" => moments(&call, |days| match time::is_infinite(days) {
                true => Ok(days),
                false => time::check_date(Some(days)),
            }),
            "uuid" => read_uuids(&call),
            "json" => {
                let texts = call.texts(0);
                call.to_texts(|row, buffer| {
                    json::normalize(texts[row], buffer).map_err(Failure::Owned)
                })
            }
            _ if self.of_type == Type::Numeric => {
                let texts = call.texts(0);
                call.to_numerics(|row| Numeric::parse(texts[row]).map(Some).map_err(Failure::Owned))
            }
            _ => {
                let [raw] = arguments;
                Rc::unwrap_or_clone(raw)
            }
        }
    }
}

/// What PostgreSQL has no room for fails.
fn moments<'a>(call: &Call<'_, 'a>, checked: impl Fn(i64) -> Result<i64, Failure>) -> Column<'a> {
    let values = call.ints(0);
    call.to_ints(|row| checked(values[row]).map(Some))
}

fn timestamp(at: i64) -> Result<i64, Failure> {
    if time::is_infinite(at) {
        Ok(at)
    } else {
        time::check_timestamp(Some(at))
    }
}

/// Up to 24:00.
fn time_of_day(at: i64) -> Result<i64, Failure> {
    match (0..=time::DAY).contains(&at) {
        true => Ok(at),
        false => Err("time out of range".into()),
    }
}

/// Milliseconds as microseconds; an infinity stays.
fn from_ms(value: i64) -> Result<i64, Failure> {
    if time::is_infinite(value) {
        return Ok(value);
    }
    value.checked_mul(1000).ok_or(time::TIMESTAMP_RANGE)
}

/// Nearly all are written as SQL writes them.
fn read_uuids<'a>(call: &Call<'_, 'a>) -> Column<'a> {
    let texts = call.texts(0);
    let is_usual = |text: &str| {
        text.len() == 36
            && text.bytes().enumerate().all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
            })
    };
    let mut live = call.is_live.iter().enumerate();
    if live.all(|(row, is_live)| !is_live || is_usual(texts[row])) {
        return call.to_views(|row| Ok(Some(texts[row])));
    }
    call.to_texts(|row, buffer| input::uuid(texts[row], buffer).map_err(Failure::Owned))
}

fn values(any: &AnyColumn) -> (Values<'_>, Vec<bool>) {
    macro_rules! taken {
        ($variant:ident, $column:expr, $blank:expr) => {{
            let mut is_valid = Vec::with_capacity($column.len());
            let mut values = Vec::with_capacity($column.len());
            for value in $column.iter() {
                is_valid.push(value.is_some());
                values.push(value.unwrap_or($blank));
            }
            (Values::$variant(values), is_valid)
        }};
    }
    match any {
        AnyColumn::Boolean(column) => taken!(Bool, column, false),
        AnyColumn::Int64(column) => taken!(Int, column, 0),
        AnyColumn::Float64(column) => taken!(Float, column, 0.0),
        AnyColumn::Text(column) => taken!(Text, column, ""),
        AnyColumn::Bytes(column) => taken!(Bytes, column, &[]),
    }
}

/// A column as the host takes it: of the rows that are kept, absent where it says so.
pub(crate) fn written(
    column: &Column,
    kept: &[usize],
    is_absent: impl Fn(usize) -> bool,
) -> AnyColumn {
    macro_rules! pushed {
        ($layout:ty, $values:expr, $value:ident => $pushed:expr) => {{
            let mut written = GuestColumn::<$layout>::with_capacity(kept.len());
            for row in kept.iter().copied() {
                let at = column.at(row);
                let $value = &$values[at];
                match column.is_valid[at] {
                    _ if is_absent(row) => written.push_absent(),
                    true => written.push(Some($pushed)),
                    false => written.push(None),
                }
            }
            written.into()
        }};
    }
    match &column.values {
        Values::Bool(values) => pushed!(Bits, values, value => *value),
        Values::Int(values) => pushed!(Vec<i64>, values, value => *value),
        Values::Float(values) => pushed!(Vec<f64>, values, value => *value),
        Values::Numeric(values) => pushed!(Text, values, value => value.to_string().as_str()),
        Values::Text(values) => pushed!(Text, values, value => value),
        Values::Bytes(values) => pushed!(Bytes, values, value => value),
    }
}
