//! Lists in JSON, whose elements JSON writes otherwise than Postgres reads them: as lists that it
//! reads, and as arrays in its text form, `["a", null]` as `{"a",NULL}`.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::form::{Elements, JsonBytes, Unit};
use super::leaf::counted;
use super::spelling::bytes::{each_of_base64, hex};
use super::spelling::number::{self, DecimalText};
use super::spelling::time;
use crate::calendar::date_of;
use crate::column::LogicalType;

/// As what a list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListStyle {
    Json,
    /// An array of Postgres, in its text form.
    Array,
}

/// Why a list cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListFault {
    #[error("it should be a list")]
    NoList,
    /// An element is not what this says.
    #[error("each element should be {0}")]
    Element(&'static str),
    /// A number has more digits behind its point than so many.
    #[error("an element has more digits behind its point than the {0} of the column")]
    Digits(i32),
}

/// Appends the list that `json` is to `out`, which may have grown where that fails. Behind what is
/// in `bytes` is room for what one element is made of. `digits`: how many a number may have behind
/// its point, and those of a second that are kept.
pub fn write_list(
    json: &str,
    elements: Elements,
    digits: Option<i32>,
    style: ListStyle,
    out: &mut String,
    bytes: &mut Vec<u8>,
) -> Result<(), ListFault> {
    let rest = json.trim_ascii();
    let mut writer = Writer {
        rest,
        elements,
        digits,
        style,
        out,
        bytes,
    };
    if !rest.starts_with('[') {
        return Err(ListFault::NoList);
    }
    writer.list()?;
    match writer.rest.is_empty() {
        true => Ok(()),
        false => Err(ListFault::NoList),
    }
}

struct Writer<'a, 'o> {
    rest: &'a str,
    elements: Elements,
    digits: Option<i32>,
    style: ListStyle,
    out: &'o mut String,
    bytes: &'o mut Vec<u8>,
}

impl<'a> Writer<'a, '_> {
    /// The whole list with the lists in it. It takes no stack: how deep they lie is for others to
    /// limit.
    fn list(&mut self) -> Result<(), ListFault> {
        let mut depth = 0;
        loop {
            self.rest = self.rest.trim_ascii_start();
            let first = self.rest.as_bytes().first().ok_or(ListFault::NoList)?;
            match first {
                b'[' => {
                    depth += 1;
                    self.put_mark("[", "{");
                }
                b']' => {
                    depth -= 1;
                    self.put_mark("]", "}");
                    if depth == 0 {
                        return Ok(());
                    }
                }
                b',' => self.put_mark(",", ","),
                b'"' => {
                    let quoted = self.take(end_of_text(self.rest))?;
                    self.text(quoted)?;
                }
                b'{' => {
                    let object = self.take(end_of_object(self.rest))?;
                    self.object(object)?;
                }
                _ => {
                    let ends = |c: char| c == ',' || c == ']' || c.is_ascii_whitespace();
                    let word = self.take(self.rest.find(ends))?;
                    self.word(word)?;
                }
            }
        }
    }

    fn put_mark(&mut self, json: &str, array: &str) {
        self.out.push_str(match self.style {
            ListStyle::Json => json,
            ListStyle::Array => array,
        });
        self.rest = &self.rest[1..];
    }

    fn take(&mut self, bytes: Option<usize>) -> Result<&'a str, ListFault> {
        let (taken, rest) = self.rest.split_at(bytes.ok_or(ListFault::NoList)?);
        self.rest = rest;
        Ok(taken)
    }

    /// A number, a truth value or null.
    fn word(&mut self, word: &str) -> Result<(), ListFault> {
        if word == "null" {
            self.out.push_str(match self.style {
                ListStyle::Json => "null",
                ListStyle::Array => "NULL",
            });
            return Ok(());
        }
        let count = || word.parse::<i64>().ok();
        match self.elements {
            Elements::Dates => {
                let days = count().and_then(|n| counted(n, Unit::Days, LogicalType::Date));
                self.put_date(days)
            }
            Elements::Instants(unit) => {
                self.put_instant(count().and_then(|n| counted(n, unit, LogicalType::TimestampUs)))
            }
            Elements::Times(unit) => {
                self.put_time(count().and_then(|n| counted(n, unit, LogicalType::TimeUs)))
            }
            Elements::Bytes(_) => Err(self.fault()),
            Elements::Plain
            | Elements::Numbers
            | Elements::Unscaled { .. }
            | Elements::UnscaledOnly => {
                self.check_digits(word)?;
                match self.style {
                    ListStyle::Json => self.out.push_str(word),
                    ListStyle::Array => quote(self.out, word),
                }
                Ok(())
            }
        }
    }

    /// Whether `text`, where it is a number, has no digits that would be lost.
    fn check_digits(&self, text: &str) -> Result<(), ListFault> {
        match self.digits.filter(|_| self.are_numbers()) {
            Some(digits) if number::has_more_digits(text, digits) => Err(ListFault::Digits(digits)),
            _ => Ok(()),
        }
    }

    fn are_numbers(&self) -> bool {
        matches!(
            self.elements,
            Elements::Numbers | Elements::Unscaled { .. } | Elements::UnscaledOnly
        )
    }

    fn text(&mut self, quoted: &str) -> Result<(), ListFault> {
        let text = unescaped(quoted).ok_or(ListFault::NoList)?;
        match self.elements {
            Elements::Plain => self.put_same(quoted, &text),
            Elements::Dates => return self.put_date(time::date(&text)),
            Elements::Instants(_) => return self.put_instant(time::instant(&text)),
            Elements::Times(_) => return self.put_time(time::time(&text)),
            // As `to_jsonb` writes them.
            Elements::Bytes(_) if text.starts_with("\\x") => self.put_same(quoted, &text),
            Elements::Bytes(of) => return self.put_bytes(&text, of),
            // What is no number has no integer.
            Elements::Unscaled { .. } if text == "NaN" => self.put_same(quoted, &text),
            Elements::Unscaled { scale } => return self.put_unscaled(&text, scale),
            Elements::Numbers | Elements::UnscaledOnly => {
                let has_digits = self.elements == Elements::Numbers;
                match number::decimal(&text, LogicalType::Numeric) {
                    Some(DecimalText::Same) if has_digits => {
                        self.check_digits(&text)?;
                        self.put_same(quoted, &text);
                    }
                    Some(DecimalText::Word(word)) => quote(self.out, word),
                    _ => return Err(self.fault()),
                }
            }
        }
        Ok(())
    }

    /// A document within the list: of json, or a number with its scale.
    fn object(&mut self, object: &str) -> Result<(), ListFault> {
        match self.style {
            ListStyle::Array if self.are_numbers() => {
                let number = VariableScale::read(object).ok_or_else(|| self.fault())?;
                return self.put_unscaled(&number.value, number.scale);
            }
            ListStyle::Array => quote(self.out, object),
            ListStyle::Json => self.out.push_str(object),
        }
        Ok(())
    }

    /// A text that stays.
    fn put_same(&mut self, quoted: &str, text: &str) {
        match self.style {
            ListStyle::Json => self.out.push_str(quoted),
            ListStyle::Array => quote(self.out, text),
        }
    }

    fn put_date(&mut self, days: Option<i64>) -> Result<(), ListFault> {
        self.put_day(days, |_| ()).ok_or_else(|| self.fault())
    }

    fn put_instant(&mut self, us: Option<i64>) -> Result<(), ListFault> {
        let (days, rest) = match us {
            Some(infinity @ (i64::MAX | i64::MIN)) => (Some(infinity), 0),
            us => {
                let rest = us.unwrap_or(0).rem_euclid(DAY_US);
                (us.map(|us| us.div_euclid(DAY_US)), rest)
            }
        };
        let rest = self.cut(rest);
        let put_time = |out: &mut String| {
            out.push(' ');
            put_time_of_day(out, rest);
            out.push_str("+00");
        };
        self.put_day(days, put_time).ok_or_else(|| self.fault())
    }

    fn put_time(&mut self, us: Option<i64>) -> Result<(), ListFault> {
        let us = us.filter(|us| (0..=DAY_US).contains(us));
        let us = us.ok_or_else(|| self.fault())?;
        self.out.push('"');
        put_time_of_day(self.out, self.cut(us));
        self.out.push('"');
        Ok(())
    }

    /// A time without what is finer than the digits that are kept: Postgres would round it.
    fn cut(&self, us: i64) -> i64 {
        let kept = self.digits.and_then(|digits| u32::try_from(digits).ok());
        kept.map_or(us, |kept| us - us % 10_i64.pow(6 - kept.min(6)))
    }

    /// A day and what follows it, or an infinity.
    fn put_day(&mut self, days: Option<i64>, put_rest: impl Fn(&mut String)) -> Option<()> {
        let days = days?;
        let infinity = match days {
            i64::MAX => Some("\"infinity\""),
            i64::MIN => Some("\"-infinity\""),
            _ => None,
        };
        if let Some(infinity) = infinity {
            self.out.push_str(infinity);
            return Some(());
        }
        // More days than Postgres holds.
        if days.abs() > 1 << 40 {
            return None;
        }
        let (year, month, day) = date_of(days);
        let (year, era) = match year > 0 {
            true => (year, ""),
            false => (1 - year, " BC"),
        };
        let _ = write!(self.out, "\"{year:04}-{month:02}-{day:02}");
        put_rest(self.out);
        let _ = write!(self.out, "{era}\"");
        Some(())
    }

    fn put_bytes(&mut self, text: &str, of: JsonBytes) -> Result<(), ListFault> {
        self.out.push_str("\"\\\\x");
        let put = |out: &mut String, byte: u8| {
            let digit = |d: u8| char::from_digit(d.into(), 16).unwrap_or('0');
            out.extend([digit(byte >> 4), digit(byte & 15)]);
        };
        let read = match of {
            JsonBytes::Base64 => each_of_base64(text, |byte| put(self.out, byte)),
            JsonBytes::Hex => {
                let first = self.bytes.len();
                let read = hex(text, self.bytes);
                self.bytes
                    .drain(first..)
                    .for_each(|byte| put(self.out, byte));
                read
            }
        };
        self.out.push('"');
        read.ok_or_else(|| self.fault())
    }

    /// Digits as they stand, as neither style takes them for a text.
    fn put_unscaled(&mut self, text: &str, scale: i32) -> Result<(), ListFault> {
        let bytes = &mut *self.bytes;
        let (first, start) = (bytes.len(), self.out.len());
        let read = each_of_base64(text, |byte| bytes.push(byte));
        let put = read.and_then(|()| number::unscaled(&bytes[first..], scale, self.out));
        bytes.truncate(first);
        put.ok_or_else(|| self.fault())?;
        self.check_digits(&self.out[start..])
    }

    /// What the elements should be.
    fn fault(&self) -> ListFault {
        ListFault::Element(match self.elements {
            Elements::Plain => "a value",
            Elements::Dates => "days since 1970, or a date",
            Elements::Instants(_) => "a time since 1970, or an instant in text",
            Elements::Times(_) => "a time since midnight, or one in text",
            Elements::Bytes(JsonBytes::Base64) => "base64, as json_bytes under [source] says",
            Elements::Bytes(JsonBytes::Hex) => {
                "hexadecimal digits, as json_bytes under [source] says"
            }
            Elements::Numbers => {
                "a number: where it is base64, set json_decimals = \"base64\" under [source]"
            }
            Elements::Unscaled { .. } => {
                "the base64 of an integer, as json_decimals under [source] says"
            }
            Elements::UnscaledOnly => "an object of scale and value",
        })
    }
}

/// What Debezium writes for a `numeric` of no size: `VariableScaleDecimal`.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VariableScale<'a> {
    pub(super) scale: i32,
    /// The base64 of a signed integer.
    #[serde(borrow)]
    pub(super) value: Cow<'a, str>,
}

impl<'a> VariableScale<'a> {
    pub(super) fn read(object: &'a str) -> Option<Self> {
        serde_json::from_str(object).ok()
    }
}

/// Appends `text` between quotation marks, as arrays have it.
fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}

/// The text that stands between quotation marks.
fn unescaped(quoted: &str) -> Option<Cow<'_, str>> {
    match quoted.contains('\\') {
        false => Some(Cow::Borrowed(&quoted[1..quoted.len() - 1])),
        true => serde_json::from_str(quoted).ok().map(Cow::Owned),
    }
}

/// The length of a text with its quotation marks.
fn end_of_text(json: &str) -> Option<usize> {
    let mut is_escaped = false;
    let behind = json.bytes().skip(1).position(|byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    })?;
    Some(behind + 2)
}

/// The length of an object.
fn end_of_object(json: &str) -> Option<usize> {
    let (mut at, mut depth) = (0, 0);
    loop {
        match json.as_bytes().get(at)? {
            b'"' => at += end_of_text(&json[at..])? - 1,
            b'{' => depth += 1,
            b'}' if depth == 1 => return Some(at + 1),
            b'}' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
}

const DAY_US: i64 = 86_400_000_000;

fn put_time_of_day(out: &mut String, us: i64) {
    let (seconds, us) = (us / 1_000_000, us % 1_000_000);
    let (minutes, second) = (seconds / 60, seconds % 60);
    let _ = write!(
        out,
        "{:02}:{:02}:{second:02}.{us:06}",
        minutes / 60,
        minutes % 60
    );
}

#[cfg(test)]
mod tests;
