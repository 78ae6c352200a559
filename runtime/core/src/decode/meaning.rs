//! What values mean beyond what they are, by the names that schemas give their types:
//! `io.debezium.*` and `org.apache.kafka.connect.data.*`.

use super::form::{Elements, Form, Unit};
use crate::column::LogicalType;

/// What a value means beyond what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// An instant or a day as a number.
    Instant(Unit),
    Date,
    /// A time of the day as a number.
    Time(Unit),
    InstantText,
    DateText,
    TimeText,
    /// A time of the day with a zone.
    ZonedTimeText,
    /// A length of time as a number, or as text.
    Duration,
    DurationText,
    /// A signed integer with so many digits behind its point.
    Decimal(i32),
    /// An object of a scale and a signed integer.
    VariableScale,
    Bits(u32),
    Bytes,
    /// The 16 bytes of a UUID.
    Uuid,
    Document,
    /// What it is.
    Plain,
}

/// The names that mean something, each with what its values are, as messages say it.
const NAMES: [(&str, Meaning); 22] = [
    ("io.debezium.time.Date", Meaning::Date),
    ("org.apache.kafka.connect.data.Date", Meaning::Date),
    ("io.debezium.time.Timestamp", Meaning::Instant(Unit::Millis)),
    (
        "org.apache.kafka.connect.data.Timestamp",
        Meaning::Instant(Unit::Millis),
    ),
    (
        "io.debezium.time.MicroTimestamp",
        Meaning::Instant(Unit::Micros),
    ),
    (
        "io.debezium.time.NanoTimestamp",
        Meaning::Instant(Unit::Nanos),
    ),
    ("io.debezium.time.Time", Meaning::Time(Unit::Millis)),
    (
        "org.apache.kafka.connect.data.Time",
        Meaning::Time(Unit::Millis),
    ),
    ("io.debezium.time.MicroTime", Meaning::Time(Unit::Micros)),
    ("io.debezium.time.NanoTime", Meaning::Time(Unit::Nanos)),
    ("io.debezium.time.ZonedTimestamp", Meaning::InstantText),
    ("io.debezium.time.IsoTimestamp", Meaning::InstantText),
    ("io.debezium.time.IsoDate", Meaning::DateText),
    ("io.debezium.time.IsoTime", Meaning::TimeText),
    ("io.debezium.time.ZonedTime", Meaning::ZonedTimeText),
    ("io.debezium.time.MicroDuration", Meaning::Duration),
    ("io.debezium.time.NanoDuration", Meaning::Duration),
    ("io.debezium.time.Interval", Meaning::DurationText),
    ("org.apache.kafka.connect.data.Decimal", Meaning::Decimal(0)),
    (
        "io.debezium.data.VariableScaleDecimal",
        Meaning::VariableScale,
    ),
    ("io.debezium.data.Bits", Meaning::Bits(0)),
    ("io.debezium.data.Json", Meaning::Document),
];

/// The numbers that some names need.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Size {
    /// Digits behind the point of a `Decimal`.
    pub(crate) scale: Option<i32>,
    /// Bits of a `Bits`.
    pub(crate) length: Option<u32>,
}

impl Meaning {
    /// What values of a type called `name` mean, and what that is called. `None`: nothing more.
    pub(crate) fn of(name: &str, size: Size) -> Option<(Self, &'static str)> {
        let &(name, meaning) = NAMES.iter().find(|(known, _)| *known == name)?;
        Some(match meaning {
            Self::Decimal(_) => match size.scale {
                Some(scale) => (Self::Decimal(scale), name),
                None => (Self::Bytes, "bytes"),
            },
            Self::Bits(_) => match size.length {
                Some(length) => (Self::Bits(length), name),
                None => (Self::Bytes, "bytes"),
            },
            _ => (meaning, name),
        })
    }

    /// The form of such values in JSON where they are read as `logical_type`, which stand in the
    /// form `unnamed` where they mean nothing more. `None`: nothing can be made of them.
    pub(crate) fn form(self, logical_type: LogicalType, unnamed: Form) -> Option<Form> {
        use LogicalType as T;
        Some(match (logical_type, self) {
            // The kind of text that says it is none of ours.
            (T::Decimal { .. } | T::Numeric, Self::Plain) => Form::Plain,
            (_, Self::Plain) => unnamed,
            (T::TimestampUs | T::TimestampMs, Self::Instant(unit)) => Form::Counted(unit),
            (T::TimestampUs | T::TimestampMs | T::Date, Self::Date) => Form::Counted(Unit::Days),
            (T::TimestampUs | T::TimestampMs | T::Date, Self::InstantText | Self::DateText) => {
                unnamed
            }
            (T::TimeUs | T::TimeMs, Self::Time(unit)) => Form::Counted(unit),
            (T::TimeUs | T::TimeMs, Self::TimeText) => unnamed,
            (T::Decimal { .. } | T::Numeric | T::Int64 | T::Text, Self::Decimal(scale)) => {
                Form::Unscaled { scale }
            }
            (T::Decimal { .. } | T::Numeric, Self::VariableScale) => Form::Plain,
            (T::Bytes, Self::Bytes | Self::Bits(_)) => Form::Base64,
            (T::Text, Self::Bits(length)) => Form::Bits { length },
            (T::Text | T::Uuid, Self::Uuid) => Form::Uuid,
            // Base64, which is text.
            (T::Text, Self::Bytes) => Form::Plain,
            (T::Json, Self::Document) => Form::Document,
            (T::Json, _) => Form::Plain,
            (T::Int64 | T::Float64, Self::Instant(_) | Self::Date | Self::Time(_)) => Form::Plain,
            (T::Int64 | T::Float64, Self::Duration) => Form::Plain,
            (
                T::Text,
                Self::InstantText
                | Self::DateText
                | Self::TimeText
                | Self::ZonedTimeText
                | Self::DurationText
                | Self::Document,
            ) => Form::Plain,
            _ => return None,
        })
    }

    /// What elements of a list are that mean this, where nobody else knows it.
    pub(crate) fn elements(self) -> Option<Elements> {
        match self {
            Self::Decimal(scale) => Some(Elements::Unscaled { scale }),
            Self::Instant(unit) => Some(Elements::Instants(unit)),
            Self::Time(unit) => Some(Elements::Times(unit)),
            _ => None,
        }
    }
}
