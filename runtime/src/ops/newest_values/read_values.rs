//! The values at one path, against the type that they are read as.

use std::ops::Range;

use gristmill_core::column::{Field, LogicalType};
use gristmill_core::decode::{JsonBytes, JsonDecimals, JsonForms, names};
use gristmill_core::visible::visible;
use jiff::Timestamp;
use serde_json::Value;

use super::newest_document::NewestDocument;

/// 1990 and 2100 in microseconds since the Unix epoch: where the instants of rows are.
const LIKELY_US: Range<f64> = 631_152_000e6..4_102_444_800e6;
/// What instants are counted in, in microseconds.
const UNITS: [(&str, f64); 5] = [
    ("days", 86_400e6),
    ("seconds", 1e6),
    ("milliseconds", 1e3),
    ("microseconds", 1.0),
    ("nanoseconds", 1e-3),
];
/// The milliseconds of a day.
const DAY_MS: f64 = 86_400e3;
/// Letters of base64 that are all digits of hexadecimal numbers by chance: one in 65,000.
const HEX_MIN: usize = 8;
/// Characters of a value that are quoted.
const QUOTED_CHARS: usize = 40;

/// The values that the newest records have at a path.
pub(super) struct ReadValues<'a> {
    /// The path.
    name: &'a str,
    /// What they are read as.
    logical_type: LogicalType,
    /// Whether they are elements of lists, which are read as the table's column says.
    are_elements: bool,
    /// Those that are there, and no placeholder, of records without a schema.
    values: Vec<&'a Value>,
    /// Those of all records.
    all: Vec<&'a Value>,
}

impl<'a> ReadValues<'a> {
    pub(super) fn of(read: &'a Field, documents: &'a [NewestDocument], placeholder: &str) -> Self {
        let found = sent(&read.name, documents);
        let found = found.filter(|(_, value)| value.as_str() != Some(placeholder));
        let found: Vec<_> = found.collect();
        let plain = found.iter().filter(|(has_schema, _)| !has_schema);
        Self {
            name: &read.name,
            logical_type: read.logical_type,
            are_elements: false,
            values: plain.map(|(_, value)| *value).collect(),
            all: found.iter().map(|(_, value)| *value).collect(),
        }
    }

    /// The elements of lists at a path, of records without a schema, which are read as
    /// `logical_type`.
    pub(super) fn elements(
        name: &'a str,
        logical_type: LogicalType,
        values: Vec<&'a Value>,
    ) -> Self {
        Self {
            name,
            logical_type,
            are_elements: true,
            all: values.clone(),
            values,
        }
    }

    /// What they seem to be, where that is not what they are read as, and what to do.
    pub(super) fn oddity(&self, forms: JsonForms) -> Option<String> {
        match self.logical_type {
            LogicalType::TimestampUs => self.instants("microseconds"),
            LogicalType::TimestampMs => self.instants("milliseconds"),
            LogicalType::Date => self.instants("days"),
            LogicalType::TimeUs => self.times_of_day(),
            LogicalType::Bytes => self.bytes(forms.bytes),
            LogicalType::Decimal { .. } | LogicalType::Numeric => self.decimals(forms.decimals),
            _ => None,
        }
    }

    fn numbers(&self) -> Vec<f64> {
        let numbers = self.values.iter().filter_map(|value| value.as_i64());
        // What stands for infinity is no instant.
        let is_instant = |n: &i64| n.unsigned_abs() < 1 << 62;
        numbers.filter(is_instant).map(|n| n as f64).collect()
    }

    fn instants(&self, taken: &str) -> Option<String> {
        let numbers = self.numbers();
        let first = *numbers.first()?;
        // Some may stand for infinity, or be of another time for themselves.
        let fits = |us: f64| {
            let likely = numbers.iter().filter(|n| LIKELY_US.contains(&(**n * us)));
            likely.count() * 2 > numbers.len()
        };
        let (_, us) = UNITS.into_iter().find(|(unit, _)| *unit == taken)?;
        if numbers.iter().any(|n| LIKELY_US.contains(&(n * us))) {
            return None;
        }
        let (seem, _) = UNITS.into_iter().find(|(_, us)| fits(*us))?;
        let would_be = Timestamp::from_microsecond((first * us) as i64).ok();
        let would_be = would_be
            .map(|time| format!(", as of {time:.0}"))
            .unwrap_or_default();
        let column = match seem {
            "milliseconds" if self.are_elements => {
                ": make the table's column `timestamp(3)[]`, or let the connector write \
                 microseconds (time.precision.mode = adaptive)"
            }
            "microseconds" if self.are_elements => {
                ": make the table's column `timestamp[]`, or let the connector write milliseconds \
                 (time.precision.mode = adaptive)"
            }
            "milliseconds" => {
                ": give the column the type `timestamp(3)` or `timestamp(ms)`, or let the \
                 connector write microseconds (time.precision.mode = adaptive)"
            }
            "microseconds" => ": give the column the type `timestamp` or `timestamp(us)`",
            _ => ": let the connector write them otherwise (time.precision.mode)",
        };
        Some(format!(
            "the newest records have {first} and the like in `{}`, which looks like {seem} and is \
             read as {taken}{would_be}{column}",
            self.name
        ))
    }

    /// No more than 86 s behind midnight, all of them, where they are read as microseconds.
    fn times_of_day(&self) -> Option<String> {
        let mut times: Vec<f64> = self.numbers();
        times.retain(|time| *time != 0.0);
        let first = *times.first()?;
        let column = match self.are_elements {
            true => "make the table's column `time(3)[]`",
            false => "give the column the type `time(3)` or `time(ms)`",
        };
        let are_ms = times.iter().all(|time| (0.0..DAY_MS).contains(time));
        are_ms.then(|| {
            format!(
                "the newest records have {first} and the like in `{}`, which looks like \
                 milliseconds and is read as microseconds: {column}, or let the connector write \
                 microseconds (time.precision.mode = adaptive)",
                self.name
            )
        })
    }

    fn bytes(&self, form: JsonBytes) -> Option<String> {
        let texts: Vec<&str> = self.all.iter().filter_map(|value| value.as_str()).collect();
        let is_digit = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        let is_hex = |text: &&str| text.len().is_multiple_of(2) && text.bytes().all(is_digit);
        let length: usize = texts.iter().map(|text| text.len()).sum();
        let first = texts.iter().find(|text| !text.is_empty())?;
        let is_odd = form == JsonBytes::Base64 && length >= HEX_MIN && texts.iter().all(is_hex);
        is_odd.then(|| {
            format!(
                "the newest records have \"{}\" and the like in `{}`, which looks like hexadecimal \
                 digits and is read as base64: set json_bytes = \"hex\" under [source]",
                quoted(first),
                self.name
            )
        })
    }

    fn decimals(&self, form: JsonDecimals) -> Option<String> {
        let texts: Vec<&str> = self
            .values
            .iter()
            .filter_map(|value| value.as_str())
            .collect();
        let first = texts.iter().find(|text| match form {
            JsonDecimals::Text => !is_decimal(text),
            JsonDecimals::Base64 => !is_base64(text),
        })?;
        let (seem, set) = match form {
            JsonDecimals::Text if texts.iter().all(|text| is_base64(text)) => (
                "base64 and is read as digits",
                "set json_decimals = \"base64\"",
            ),
            JsonDecimals::Base64 if texts.iter().all(|text| is_decimal(text)) => {
                ("digits and is read as base64", "leave json_decimals out")
            }
            _ => return None,
        };
        Some(format!(
            "the newest records have \"{}\" and the like in `{}`, which looks like {seem}: {set} \
             under [source]",
            quoted(first),
            self.name
        ))
    }
}

/// What records have at a path below their value, null apart, and whether a schema says what it is.
pub(super) fn sent<'a>(
    name: &str,
    documents: &'a [NewestDocument],
) -> impl Iterator<Item = (bool, &'a Value)> {
    let path = names(name).unwrap_or_default();
    documents.iter().filter_map(move |document| {
        let (root, mut below) = path
            .split_first()
            .map(|(root, below)| (root, below.iter()))?;
        let found = below.try_fold(&document.value, |value, name| value.get(name))?;
        (root == "value" && !found.is_null()).then_some((document.has_schema, found))
    })
}

/// Digits, as a decimal number is written.
fn is_decimal(text: &str) -> bool {
    text.parse::<f64>().is_ok()
}

fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let is_letter = |b: u8| b.is_ascii_alphanumeric() || b == b'+' || b == b'/';
    text.len().is_multiple_of(4) && text.len() - body.len() < 3 && body.bytes().all(is_letter)
}

/// As much of a text as is quoted.
pub(super) fn quoted(text: &str) -> String {
    let end = text.char_indices().nth(QUOTED_CHARS);
    let text = end.map_or(text, |(end, _)| &text[..end]);
    visible(text).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(logical_type: LogicalType, forms: JsonForms, values: &[Value]) -> String {
        let read = Field {
            name: "value.after.c".to_owned(),
            logical_type,
            nullable: true,
        };
        let documents = values.iter().map(|value| NewestDocument {
            value: json!({ "after": { "c": value } }),
            has_schema: false,
        });
        let documents: Vec<_> = documents.collect();
        let values = ReadValues::of(&read, &documents, "__debezium_unavailable_value");
        values.oddity(forms).unwrap_or_default()
    }

    #[test]
    fn times_in_another_unit_are_named() {
        let plain = JsonForms::default();
        let ms = [
            json!(1_726_531_200_000_i64),
            json!(1_726_531_260_000_i64),
            Value::Null,
        ];
        let us = [json!(1_726_531_200_000_000_i64), json!(i64::MIN), json!(0)];
        let infinite = [&ms[..], &[json!(-9_223_372_036_832_400_i64)]].concat();
        assert!(said(LogicalType::TimestampUs, plain, &infinite).contains("looks like milli"));
        let told = said(LogicalType::TimestampUs, plain, &ms);
        assert!(
            told.contains("looks like milliseconds and is read as microseconds"),
            "{told}"
        );
        assert!(told.contains("as of 1970-01-20T"), "{told}");
        let told = said(LogicalType::TimestampMs, plain, &us[..2]);
        assert!(
            told.contains("looks like microseconds and is read as milliseconds"),
            "{told}"
        );
        let told = said(LogicalType::Date, plain, &ms);
        assert!(
            told.contains("looks like milliseconds and is read as days"),
            "{told}"
        );
        let times = [json!(3_600_000), json!(7_200_000)];
        assert!(said(LogicalType::TimeUs, plain, &times).contains("`time(3)`"));
        assert!(said(LogicalType::TimeUs, plain, &times[..1]).contains("`time(3)`"));
        for (of, values) in [
            (LogicalType::TimestampMs, &ms[..]),
            (LogicalType::TimestampUs, &us[..]),
            (
                LogicalType::TimestampUs,
                &[json!("2024-09-17T00:00:00Z")][..],
            ),
            (LogicalType::TimestampUs, &[json!(0), json!(-5)][..]),
            (LogicalType::Date, &[json!(19_000), json!(0)][..]),
            (
                LogicalType::TimeUs,
                &[json!(3_600_000_000_i64), json!(7_200_000)][..],
            ),
        ] {
            assert_eq!(said(of, plain, values), "", "{of} {values:?}");
        }
    }

    #[test]
    fn other_forms_of_bytes_and_decimals_are_named() {
        let plain = JsonForms::default();
        let base64 = JsonForms {
            decimals: JsonDecimals::Base64,
            ..plain
        };
        let hex = JsonForms {
            bytes: JsonBytes::Hex,
            ..plain
        };
        let (bytes, number) = (LogicalType::Bytes, LogicalType::Numeric);
        let digits = [json!("deadbeef"), json!("")];
        assert!(said(bytes, plain, &digits).contains("set json_bytes = \"hex\""));
        assert_eq!(said(bytes, hex, &digits), "");
        assert_eq!(said(bytes, plain, &[json!("deadbeeg")]), "");
        assert_eq!(
            said(bytes, plain, &[json!("dead")]),
            "",
            "too short to tell"
        );
        let (text, coded) = (
            [json!("12.50"), json!("1234")],
            [json!("B1vNFQ=="), json!("1234")],
        );
        assert!(said(number, base64, &text).contains("leave json_decimals out"));
        assert!(said(number, plain, &coded).contains("set json_decimals = \"base64\""));
        assert_eq!(said(number, base64, &coded), "");
        assert_eq!(said(number, plain, &text), "");
        assert_eq!(said(number, plain, &[json!("1234")]), "");
    }
}
