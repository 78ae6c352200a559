//! Arrow columns in Postgres' binary format, as array parameters.

use std::error::Error;
use std::fmt;

use crate::wire::column_form::{ArrayForm, ArrayRoom, ColumnForm, put_decimal};
use arrow_array::{Array, BinaryArray, BooleanArray, Float64Array, Int64Array, StringArray};
use bytes::{BufMut, BytesMut};
use gristmill_core::column::{Column, LogicalType};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

/// Postgres counts time from 2000-01-01, Arrow from 1970-01-01.
const EPOCH_DAYS: i64 = 10_957;
const EPOCH_US: i64 = EPOCH_DAYS * 86_400_000_000;
/// The first instant that a `timestamptz` holds, 4714-11-24 BC, and the one after the last,
/// 294277-01-01 (`datatype/timestamp.h`).
const TIMESTAMP_MIN: i64 = -211_813_488_000_000_000;
const TIMESTAMP_END: i64 = 9_223_371_331_200_000_000;

/// One column, by how its values are sent. The sent type is the target's or one that casts to it;
/// see [`crate::table::target_table`].
///
/// A time beyond what Postgres holds is sent as one that it refuses (22008), never as infinity: so
/// the row is found and becomes a dead letter like any other. Infinity is the extreme numbers
/// alone.
///
/// `presence` is not looked at: a value that the source did not say is null here, and a bit in
/// [`crate::wire::mask_array::MaskArray`].
#[derive(Clone, Copy)]
pub(crate) enum ColumnArray<'a> {
    Boolean(&'a BooleanArray),
    Int64(&'a Int64Array),
    TimestampUs(&'a Int64Array),
    TimestampMs(&'a Int64Array),
    Date(&'a Int64Array),
    TimeUs(&'a Int64Array),
    TimeMs(&'a Int64Array),
    Float64(&'a Float64Array),
    /// Text, and what Postgres reads from text: uuid, numeric, json.
    Text(&'a StringArray),
    /// Lists in JSON, for a column of arrays.
    Lists(&'a StringArray, ArrayForm),
    /// Decimal numbers, with at most so many digits behind their point.
    Decimals(&'a StringArray, i32),
    Bytes(&'a BinaryArray),
}

/// The type of the array parameter that carries `logical_type`.
pub(crate) fn sent_type(logical_type: LogicalType) -> Type {
    match logical_type {
        LogicalType::Boolean => Type::BOOL_ARRAY,
        LogicalType::Int64 => Type::INT8_ARRAY,
        LogicalType::Float64 => Type::FLOAT8_ARRAY,
        LogicalType::TimestampUs | LogicalType::TimestampMs => Type::TIMESTAMPTZ_ARRAY,
        LogicalType::Date => Type::DATE_ARRAY,
        LogicalType::TimeUs | LogicalType::TimeMs => Type::TIME_ARRAY,
        LogicalType::Bytes => Type::BYTEA_ARRAY,
        LogicalType::Text
        | LogicalType::Uuid
        | LogicalType::Decimal { .. }
        | LogicalType::Numeric
        | LogicalType::Json => Type::TEXT_ARRAY,
    }
}

impl<'a> ColumnArray<'a> {
    /// `None` when the column does not have the layout of `logical_type`.
    pub(crate) fn new(logical_type: LogicalType, column: &'a Column) -> Option<Self> {
        let any = column.values.as_any();
        let ints = || any.downcast_ref();
        Some(match logical_type {
            LogicalType::Boolean => Self::Boolean(any.downcast_ref()?),
            LogicalType::Int64 => Self::Int64(ints()?),
            LogicalType::TimestampUs => Self::TimestampUs(ints()?),
            LogicalType::TimestampMs => Self::TimestampMs(ints()?),
            LogicalType::Date => Self::Date(ints()?),
            LogicalType::TimeUs => Self::TimeUs(ints()?),
            LogicalType::TimeMs => Self::TimeMs(ints()?),
            LogicalType::Float64 => Self::Float64(any.downcast_ref()?),
            LogicalType::Bytes => Self::Bytes(any.downcast_ref()?),
            LogicalType::Text
            | LogicalType::Uuid
            | LogicalType::Decimal { .. }
            | LogicalType::Numeric
            | LogicalType::Json => Self::Text(any.downcast_ref()?),
        })
    }

    /// For a column of that form.
    pub(crate) fn in_form(self, form: ColumnForm) -> Self {
        match (self, form) {
            (Self::Text(a), ColumnForm::Array(form)) => Self::Lists(a, form),
            (Self::Text(a), ColumnForm::Decimal { scale }) => Self::Decimals(a, scale),
            (other, _) => other,
        }
    }

    fn array(&self) -> &'a dyn Array {
        match *self {
            Self::Boolean(a) => a,
            Self::Int64(a) | Self::TimestampUs(a) | Self::TimestampMs(a) | Self::Date(a) => a,
            Self::TimeUs(a) | Self::TimeMs(a) => a,
            Self::Float64(a) => a,
            Self::Text(a) | Self::Lists(a, _) | Self::Decimals(a, _) => a,
            Self::Bytes(a) => a,
        }
    }

    fn element(&self) -> Type {
        match self {
            Self::Boolean(_) => Type::BOOL,
            Self::Int64(_) => Type::INT8,
            Self::TimestampUs(_) | Self::TimestampMs(_) => Type::TIMESTAMPTZ,
            Self::Date(_) => Type::DATE,
            Self::TimeUs(_) | Self::TimeMs(_) => Type::TIME,
            Self::Float64(_) => Type::FLOAT8,
            Self::Text(_) | Self::Lists(..) | Self::Decimals(..) => Type::TEXT,
            Self::Bytes(_) => Type::BYTEA,
        }
    }

    /// Appends the value at `row` as its length and bytes.
    fn put(&self, row: usize, room: &mut ArrayRoom, out: &mut BytesMut) {
        if self.array().is_null(row) {
            return out.put_i32(-1);
        }
        match self {
            Self::Boolean(a) => {
                out.put_i32(1);
                out.put_u8(u8::from(a.value(row)));
            }
            Self::Int64(a) => put_i64(a.value(row), out),
            Self::TimestampUs(a) => put_i64(timestamp(a.value(row), 1), out),
            Self::TimestampMs(a) => put_i64(timestamp(a.value(row), 1000), out),
            Self::TimeUs(a) => put_i64(a.value(row), out),
            // Beyond a day in any unit: Postgres refuses it.
            Self::TimeMs(a) => put_i64(a.value(row).saturating_mul(1000), out),
            Self::Date(a) => {
                out.put_i32(4);
                out.put_i32(date(a.value(row)));
            }
            Self::Float64(a) => {
                out.put_i32(8);
                out.put_f64(a.value(row));
            }
            Self::Text(a) => put_bytes(a.value(row).as_bytes(), out),
            Self::Lists(a, _) if a.value(row).trim_ascii() == "null" => out.put_i32(-1),
            Self::Lists(a, form) => put_made(out, |out| form.put(a.value(row), room, out)),
            Self::Decimals(a, scale) => put_made(out, |out| put_decimal(a.value(row), *scale, out)),
            Self::Bytes(a) => put_bytes(a.value(row), out),
        }
    }

    /// Bytes that the values take, about: to make room once.
    fn size(&self) -> usize {
        let array = self.array();
        let data = match self {
            Self::Text(a) | Self::Lists(a, _) | Self::Decimals(a, _) => {
                a.value_offsets()[a.len()] - a.value_offsets()[0]
            }
            Self::Bytes(a) => a.value_offsets()[a.len()] - a.value_offsets()[0],
            _ => 0,
        };
        array.len() * 12 + data as usize
    }
}

fn put_i64(value: i64, out: &mut BytesMut) {
    out.put_i32(8);
    out.put_i64(value);
}

/// Lengths fit: a batch's text is addressed by 32-bit offsets.
fn put_bytes(value: &[u8], out: &mut BytesMut) {
    out.put_i32(value.len() as i32);
    out.put_slice(value);
}

/// Appends what `put` appends, with its length before it.
fn put_made(out: &mut BytesMut, put: impl FnOnce(&mut BytesMut)) {
    let start = out.len();
    out.put_i32(0);
    put(out);
    // A value is below 2 GiB, and what is made of it at most a few times as long.
    let length = i32::try_from(out.len() - start - 4).unwrap_or(i32::MAX);
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

/// Microseconds since 2000 of a time in units of so many. The extremes are infinity here and there;
/// what else Postgres cannot hold becomes a number that it refuses.
fn timestamp(unix: i64, unit_us: i64) -> i64 {
    if matches!(unix, i64::MIN | i64::MAX) {
        return unix;
    }
    let us = unix.checked_mul(unit_us);
    let shifted = us.and_then(|us| us.checked_sub(EPOCH_US));
    shifted
        .unwrap_or(i64::MAX)
        .clamp(i64::MIN + 1, i64::MAX - 1)
}

/// Days since 2000, as [`timestamp`].
fn date(unix_days: i64) -> i32 {
    match unix_days {
        i64::MIN => i32::MIN,
        i64::MAX => i32::MAX,
        days => {
            let shifted = days.saturating_sub(EPOCH_DAYS);
            shifted.clamp(i64::from(i32::MIN + 1), i64::from(i32::MAX - 1)) as i32
        }
    }
}

impl ToSql for ColumnArray<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let array = self.array();
        out.reserve(20 + self.size());
        let dimensions = i32::from(!array.is_empty());
        out.put_i32(dimensions);
        let may_be_null = array.null_count() > 0 || matches!(self, Self::Lists(..));
        out.put_i32(i32::from(may_be_null));
        out.put_u32(self.element().oid());
        if dimensions > 0 {
            out.put_i32(i32::try_from(array.len())?);
            out.put_i32(1);
        }
        let mut room = ArrayRoom::default();
        for row in 0..array.len() {
            self.put(row, &mut room, out);
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// The driver logs parameters at debug level: rows are nobody's business there.
impl fmt::Debug for ColumnArray<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} x {}", self.array().len(), self.element())
    }
}

/// A `timestamptz` in microseconds since the Unix epoch. Our own marks of time are moved to the
/// nearest that Postgres holds: a producer's clock may say anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Instant(pub(crate) i64);

impl Instant {
    pub(crate) fn from_ms(ms: i64) -> Self {
        Self(ms.saturating_mul(1000))
    }

    pub(crate) fn ms(self) -> i64 {
        self.0.div_euclid(1000)
    }
}

impl ToSql for Instant {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_i64(
            self.0
                .saturating_sub(EPOCH_US)
                .clamp(TIMESTAMP_MIN, TIMESTAMP_END - 1),
        );
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::TIMESTAMPTZ
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Instant {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(
            i64::from_be_bytes(raw.try_into()?).saturating_add(EPOCH_US),
        ))
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::TIMESTAMPTZ | Type::TIMESTAMP)
    }
}

/// A `date`, a `time` or a time stamp in days, or microseconds, since the Unix epoch or midnight.
/// Infinity is the extreme number.
pub(crate) struct StoredTime(i64);

impl StoredTime {
    /// The time in units of so many, the one that it is in.
    pub(crate) fn in_units(self, unit: i64) -> i64 {
        match self.0 {
            i64::MIN | i64::MAX => self.0,
            of_one => of_one.div_euclid(unit),
        }
    }
}

impl<'a> FromSql<'a> for StoredTime {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        if *ty == Type::DATE {
            return Ok(Self(match i32::from_be_bytes(raw.try_into()?) {
                i32::MIN => i64::MIN,
                i32::MAX => i64::MAX,
                days => i64::from(days) + EPOCH_DAYS,
            }));
        }
        let us = i64::from_be_bytes(raw.try_into()?);
        Ok(Self(match us {
            i64::MIN | i64::MAX => us,
            us if *ty == Type::TIME => us,
            us => us.saturating_add(EPOCH_US),
        }))
    }

    fn accepts(ty: &Type) -> bool {
        matches!(
            *ty,
            Type::TIMESTAMPTZ | Type::TIMESTAMP | Type::DATE | Type::TIME
        )
    }
}
