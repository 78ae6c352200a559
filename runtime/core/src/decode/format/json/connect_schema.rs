//! What Connect's schema of a document says of its values: `io.debezium.*` and
//! `org.apache.kafka.connect.data.*`.

use std::borrow::Cow;
use std::str::FromStr;

use serde::Deserialize;

use crate::column::LogicalType;
use crate::decode::form::{Elements, Form, Unit};
use crate::decode::trie::Trie;

/// A schema as Connect's JSON converter writes it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Schema<'a> {
    #[serde(borrow, rename = "type")]
    json_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    /// Of a struct.
    #[serde(borrow)]
    fields: Option<Vec<Schema<'a>>>,
    /// Of an array.
    #[serde(borrow)]
    items: Option<Box<Schema<'a>>>,
    /// What the struct around it calls it.
    #[serde(borrow)]
    field: Option<Cow<'a, str>>,
    #[serde(borrow)]
    parameters: Option<Parameters<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Parameters<'a> {
    /// Digits behind the point of a `Decimal`.
    #[serde(borrow)]
    scale: Option<Parameter<'a>>,
    /// Bits of a `Bits`.
    #[serde(borrow)]
    length: Option<Parameter<'a>>,
}

/// Connect writes text; other producers write the number that it stands for.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Parameter<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Number(i64),
}

/// What a value means beyond its JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
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
    /// A signed integer in base64 with so many digits behind its point.
    Decimal(i32),
    /// An object of a scale and a signed integer in base64.
    VariableScale,
    Bits(u32),
    Bytes,
    Document,
    /// What its JSON says.
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

impl Schema<'_> {
    fn is_type(&self, name: &str) -> bool {
        self.json_type.as_deref() == Some(name)
    }

    /// What its values mean, and what that is called.
    fn meaning(&self) -> (Meaning, &'static str) {
        let known = |name: &str| NAMES.iter().find(|(known, _)| *known == name);
        let named = self.name.as_deref().and_then(known);
        let parameters = self.parameters.as_ref();
        match named {
            Some(&(name, Meaning::Decimal(_))) => {
                match number(parameters.and_then(|p| p.scale.as_ref())) {
                    Some(scale) => (Meaning::Decimal(scale), name),
                    None => (Meaning::Bytes, "bytes"),
                }
            }
            Some(&(name, Meaning::Bits(_))) => {
                match number(parameters.and_then(|p| p.length.as_ref())) {
                    Some(length) => (Meaning::Bits(length), name),
                    None => (Meaning::Bytes, "bytes"),
                }
            }
            Some(&(name, meaning)) => (meaning, name),
            None if self.is_type("bytes") => (Meaning::Bytes, "bytes"),
            None => (Meaning::Plain, "plain"),
        }
    }

    /// The form of its values where they are read as `logical_type`, which stand in the form
    /// `unnamed` where nothing more is said of them.
    fn form(&self, logical_type: LogicalType, unnamed: Form) -> Form {
        use LogicalType as T;
        use Meaning as M;
        let (meaning, name) = self.meaning();
        let counts = |unit| Form::Counted(unit);
        match (logical_type, meaning) {
            // The kind of text that says it is none of ours.
            (T::Decimal { .. } | T::Numeric, M::Plain) => Form::Plain,
            (T::Json, M::Plain) => self.list_form(),
            (_, M::Plain) => unnamed,
            (T::TimestampUs | T::TimestampMs, M::Instant(unit)) => counts(unit),
            (T::TimestampUs | T::TimestampMs | T::Date, M::Date) => counts(Unit::Days),
            (T::TimestampUs | T::TimestampMs | T::Date, M::InstantText | M::DateText) => unnamed,
            (T::TimeUs | T::TimeMs, M::Time(unit)) => counts(unit),
            (T::TimeUs | T::TimeMs, M::TimeText) => unnamed,
            (T::Decimal { .. } | T::Numeric | T::Int64 | T::Text, M::Decimal(scale)) => {
                Form::Unscaled { scale }
            }
            (T::Decimal { .. } | T::Numeric, M::VariableScale) => Form::Plain,
            (T::Bytes, M::Bytes | M::Bits(_)) => Form::Base64,
            (T::Text, M::Bits(length)) => Form::Bits { length },
            // Base64, which is text.
            (T::Text, M::Bytes) => Form::Plain,
            (T::Json, M::Document) => Form::Document,
            (T::Json, _) => self.list_form(),
            (T::Int64 | T::Float64, M::Instant(_) | M::Date | M::Time(_) | M::Duration) => {
                Form::Plain
            }
            (
                T::Text,
                M::InstantText
                | M::DateText
                | M::TimeText
                | M::ZonedTimeText
                | M::DurationText
                | M::Document,
            ) => Form::Plain,
            _ => Form::Other(name),
        }
    }

    /// The form of a list.
    fn list_form(&self) -> Form {
        match &self.items {
            None => Form::Plain,
            Some(items) => match items.meaning() {
                (Meaning::Decimal(scale), _) => Form::List(Elements::Unscaled { scale }),
                (Meaning::Instant(unit), _) => Form::List(Elements::Instants(unit)),
                (Meaning::Time(unit), _) => Form::List(Elements::Times(unit)),
                _ => items.list_form(),
            },
        }
    }

    /// Gives the reads at and below a place of `trie` the forms of their values.
    fn give(&self, trie: &mut Trie, at: usize) {
        if let Some(leaf) = &mut trie.nodes[at].leaf {
            leaf.form = self.form(leaf.logical_type, leaf.form);
        }
        let child_called = |trie: &Trie, name: &str| {
            let mut children = trie.nodes[at].children.iter();
            children.find(|(n, _)| n == name).map(|(_, child)| *child)
        };
        for field in self.fields.iter().flatten() {
            let child = field.field.as_deref().and_then(|n| child_called(trie, n));
            if let Some(child) = child {
                field.give(trie, child);
            }
        }
        if !self.is_type("struct") && trie.nodes[at].may_be_bare {
            let child = trie.nodes[at].children.first().map(|(_, child)| *child);
            child.into_iter().for_each(|child| self.give(trie, child));
        }
    }
}

fn number<N: FromStr + TryFrom<i64>>(parameter: Option<&Parameter<'_>>) -> Option<N> {
    match parameter? {
        Parameter::Text(text) => text.parse().ok(),
        Parameter::Number(number) => N::try_from(*number).ok(),
    }
}

/// The reads of `trie` in the forms that `schema` says, which is JSON; as they are where it is no
/// object. An object must be a schema of Connect's: to guess would be to take values for others.
pub(super) fn formed(trie: &Trie, schema: &str) -> Result<Trie, serde_json::Error> {
    let mut formed = trie.clone();
    if schema.starts_with('{') {
        serde_json::from_str::<Schema<'_>>(schema)?.give(&mut formed, 0);
    }
    Ok(formed)
}
