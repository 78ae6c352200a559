//! `to_char` of times.

use std::fmt::Write as _;

use super::field::iso_week;
use super::{Civil, DAY, HOUR, MINUTE, SECOND, iso_weekday};

/// A pattern, known before a row flows.
#[derive(Clone, Debug)]
pub(crate) struct Format(Vec<Piece>);

#[derive(Clone, Debug)]
enum Piece {
    Literal(String),
    /// A part, and whether it is filled up to its width.
    Part(&'static str, bool),
}

/// Patterns in the order in which they are looked for: a longer one first. Those in small letters
/// mean the same, but those of words.
const NUMBERS: [&str; 22] = [
    "DDD", "DD", "D", "HH24", "HH12", "HH", "IYYY", "IW", "ID", "MI", "MM", "MS", "Q", "SS", "US",
    "WW", "W", "YYYY", "YYY", "YY", "Y", "J",
];
const WORDS: [&str; 16] = [
    "MONTH", "Month", "month", "MON", "Mon", "mon", "DAY", "Day", "day", "DY", "Dy", "dy", "AM",
    "am", "PM", "pm",
];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];
/// Full names are filled up to the longest one, as PostgreSQL has them.
const WORD_WIDTH: usize = 9;

impl Format {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        let mut is_filled = true;
        while let Some(first) = rest.chars().next() {
            if let Some(more) = rest.strip_prefix("FM").or_else(|| rest.strip_prefix("fm")) {
                (rest, is_filled) = (more, false);
                continue;
            }
            if first == '"' {
                let (literal, more) = rest[1..]
                    .split_once('"')
                    .ok_or("a quotation mark is not closed")?;
                if literal.contains('\\') {
                    return Err("`\\` is not taken in a format here".to_owned());
                }
                pieces.push(Piece::Literal(literal.to_owned()));
                rest = more;
            } else if let Some(name) = name_at(rest) {
                rest = &rest[name.len()..];
                if rest.starts_with("TH") || rest.starts_with("th") {
                    return Err("ordinal numbers, TH, are not here: put a `T` in quotes, \
                                `\"T\"`"
                        .to_owned());
                }
                pieces.push(Piece::Part(name, is_filled));
            } else if first.is_ascii_alphanumeric() || first == '\\' {
                return Err(format!(
                    "`{first}` begins no pattern that is here: put letters in double quotes; the \
                     patterns are {}, Month, Mon, Day, Dy, AM and FM",
                    NUMBERS[..NUMBERS.len() - 1].join(", ")
                ));
            } else {
                pieces.push(Piece::Literal(first.to_string()));
                rest = &rest[first.len_utf8()..];
                continue;
            }
            is_filled = true;
        }
        Ok(Self(pieces))
    }

    /// Appends `at`, which is finite.
    pub(crate) fn write(&self, at: i64, buffer: &mut String) {
        let (days, time) = (at.div_euclid(DAY), at.rem_euclid(DAY));
        for piece in &self.0 {
            match piece {
                Piece::Literal(literal) => buffer.push_str(literal),
                Piece::Part(name, is_filled) => write_part(name, *is_filled, days, time, buffer),
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The pattern that `text` begins with.
fn name_at(text: &str) -> Option<&'static str> {
    let word = WORDS.iter().find(|word| text.starts_with(**word));
    let number = NUMBERS.iter().find(|name| {
        text.starts_with(**name)
            || text
                .get(..name.len())
                .is_some_and(|start| start == name.to_ascii_lowercase())
    });
    match (word, number) {
        (Some(word), Some(number)) if number.len() > word.len() => Some(number),
        (Some(word), _) => Some(word),
        (None, number) => number.copied().filter(|name| *name != "J"),
    }
}

fn write_part(name: &str, is_filled: bool, days: i64, time: i64, buffer: &mut String) {
    let Civil { year, month, day } = Civil::of_days(days);
    let named = |year: i64| if year > 0 { year } else { 1 - year };
    let (hour, minute) = (time / HOUR, time % HOUR / MINUTE);
    let half = if hour % 12 == 0 { 12 } else { hour % 12 };
    let of_year = days
        - Civil {
            year,
            month: 1,
            day: 1,
        }
        .to_days();
    let (value, width) = match name {
        "YYYY" => (named(year), 4),
        "YYY" => (named(year) % 1000, 3),
        "YY" => (named(year) % 100, 2),
        "Y" => (named(year) % 10, 1),
        "IYYY" => (named(iso_week(days).0), 4),
        "MM" => (month, 2),
        "DDD" => (of_year + 1, 3),
        "DD" => (day, 2),
        "D" => (iso_weekday(days) % 7 + 1, 1),
        "ID" => (iso_weekday(days), 1),
        "HH24" => (hour, 2),
        "HH12" | "HH" => (half, 2),
        "MI" => (minute, 2),
        "SS" => (time % MINUTE / SECOND, 2),
        "MS" => (time % SECOND / 1000, 3),
        "US" => (time % SECOND, 6),
        "Q" => ((month - 1) / 3 + 1, 1),
        "WW" => (of_year / 7 + 1, 2),
        "W" => ((day - 1) / 7 + 1, 1),
        "IW" => (iso_week(days).1, 2),
        _ => return write_word(name, is_filled, days, month, hour, buffer),
    };
    // Fractions keep their zeros.
    let width = if is_filled || matches!(name, "MS" | "US") {
        width
    } else {
        0
    };
    let _ = write!(buffer, "{value:0width$}");
}

fn write_word(name: &str, is_filled: bool, days: i64, month: i64, hour: i64, buffer: &mut String) {
    let start = buffer.len();
    let month = MONTHS[(month - 1) as usize];
    let day = DAYS[(iso_weekday(days) - 1) as usize];
    let (word, width) = match name.to_ascii_lowercase().as_str() {
        "month" => (month, WORD_WIDTH),
        "mon" => (&month[..3], 0),
        "day" => (day, WORD_WIDTH),
        "dy" => (&day[..3], 0),
        _ => (if hour < 12 { "AM" } else { "PM" }, 0),
    };
    let width = if is_filled { width } else { 0 };
    let _ = write!(buffer, "{word:<width$}");
    let written = &mut buffer[start..];
    match name {
        _ if name.bytes().all(|byte| byte.is_ascii_lowercase()) => written.make_ascii_lowercase(),
        _ if name.bytes().all(|byte| byte.is_ascii_uppercase()) => written.make_ascii_uppercase(),
        _ => {}
    }
}
