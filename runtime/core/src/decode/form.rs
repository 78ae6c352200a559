//! How the value of a read stands in its document.

use crate::column::LogicalType;

/// The form of a read's values: what the declared type does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As the declared type stands in JSON.
    Plain,
    /// A number is a time in such units.
    Counted(Unit),
    /// Text is the base64 of a signed integer, of which so many digits stand behind the point.
    Unscaled { scale: i32 },
    /// Text is the base64 of a signed integer, and nothing says where its point is.
    UnscaledOnly,
    /// Text is base64.
    Base64,
    /// Text is hexadecimal digits.
    Hex,
    /// Text is the base64 of so many bits, the last eight first.
    Bits { length: u32 },
    /// Sixteen bytes are a UUID.
    Uuid,
    /// Text holds a JSON document.
    Document,
    /// A list, and the lists in it, have such elements.
    List(Elements),
    /// What stands there is this, of which nothing can be made.
    Other(&'static str),
}

/// What the elements of a list are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elements {
    /// As they stand.
    Plain,
    /// A number counts days since 1970; text is a date.
    Dates,
    /// A number counts units since 1970; text is an instant.
    Instants(Unit),
    /// A number counts units since midnight; text is a time of the day.
    Times(Unit),
    /// Text stands for bytes, and for hexadecimal digits behind `\x`, whatever else it may.
    Bytes(JsonBytes),
    /// A number stands for itself; text is digits; an object is a scale and an unscaled integer, as
    /// Debezium writes a `numeric` of no size.
    Numbers,
    /// The same, but that text is the base64 of a signed integer, of which so many digits stand
    /// behind the point.
    Unscaled { scale: i32 },
    /// The same, but that nothing says where the point of such an integer is.
    UnscaledOnly,
}

/// In what times are counted: days and instants since 1970, times of the day since midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Days,
    Millis,
    Micros,
    Nanos,
}

/// How JSON spells what it has no values for, where no schema says it: `[source]` of a pipeline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JsonForms {
    pub decimals: JsonDecimals,
    pub bytes: JsonBytes,
}

/// What text in the place of a decimal number is, where no schema says it.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Deserialize,
    schemars::JsonSchema,
    serde::Serialize,
)]
#[serde(rename_all = "lowercase")]
pub enum JsonDecimals {
    /// Its digits.
    #[default]
    Text,
    /// The base64 of its digits as a signed integer: Debezium's and Connect's default. Their point
    /// is where the declared `decimal(p,s)` has it.
    Base64,
}

/// What text in the place of bytes is, where no schema says it.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Deserialize,
    schemars::JsonSchema,
    serde::Serialize,
)]
#[serde(rename_all = "lowercase")]
pub enum JsonBytes {
    /// Base64, of either alphabet.
    #[default]
    Base64,
    /// Hexadecimal digits.
    Hex,
}

impl JsonForms {
    /// The form of values of `logical_type`.
    pub(crate) fn of(self, logical_type: LogicalType) -> Form {
        match logical_type {
            LogicalType::TimestampUs | LogicalType::TimeUs => Form::Counted(Unit::Micros),
            LogicalType::TimestampMs | LogicalType::TimeMs => Form::Counted(Unit::Millis),
            LogicalType::Date => Form::Counted(Unit::Days),
            LogicalType::Bytes => match self.bytes {
                JsonBytes::Base64 => Form::Base64,
                JsonBytes::Hex => Form::Hex,
            },
            LogicalType::Decimal { scale, .. } if self.decimals == JsonDecimals::Base64 => {
                Form::Unscaled {
                    scale: scale.into(),
                }
            }
            LogicalType::Numeric if self.decimals == JsonDecimals::Base64 => Form::UnscaledOnly,
            _ => Form::Plain,
        }
    }
}

/// What can be done about values of which nothing can be made.
pub(super) fn advice(found: &str) -> &'static str {
    match found {
        "io.debezium.time.MicroDuration" | "io.debezium.time.NanoDuration" => {
            ", which counts a month as 30.4 days: let the connector write intervals as text \
             (interval.handling.mode = string), or leave the column out"
        }
        _ => "",
    }
}
