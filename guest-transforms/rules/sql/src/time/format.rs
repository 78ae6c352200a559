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

/// Patterns of numbers. Those in small letters mean the same.
const NUMBERS: [&str; 21] = [
    "DDD", "DD", "D", "HH24", "HH12", "HH", "IYYY", "IW", "ID", "MI", "MM", "MS", "Q", "SS", "US",
    "WW", "W", "YYYY", "YYY", "YY", "Y",
];
const WORDS: [&str; 16] = [
    "MONTH", "Month", "month", "MON", "Mon", "mon", "DAY", "Day", "day", "DY", "Dy", "dy", "AM",
    "am", "PM", "pm",
];
/// What else PostgreSQL reads as one pattern, in large letters or small ones.
const OTHERS: [&str; 29] = [
    "A.D.", "A.M.", "AD", "B.C.", "BC", "CC", "FF1", "FF2", "FF3", "FF4", "FF5", "FF6", "FX",
    "IDDD", "IYY", "IY", "I", "J", "OF", "P.M.", "RM", "SSSSS", "SSSS", "TZH", "TZM", "TZ",
    "Y,YYY", "TM", "SP",
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
        while let Some(first) = rest.chars().next() {
            let shortened = rest.strip_prefix("FM").or_else(|| rest.strip_prefix("fm"));
            rest = shortened.unwrap_or(rest);
            let name = name_at(rest)?;
            if shortened.is_some() && name.is_none() {
                return Err("FM stands before a pattern here: it is of that one alone".to_owned());
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
            } else if let Some(name) = name {
                rest = &rest[name.len()..];
                if rest.starts_with("TH") || rest.starts_with("th") {
                    return Err("ordinal numbers, TH, are not here: put a `T` in quotes, \
                                `\"T\"`"
                        .to_owned());
                }
                pieces.push(Piece::Part(name, shortened.is_none()));
            } else if first.is_ascii_alphanumeric() || first == '\\' {
                return Err(format!(
                    "`{first}` begins no pattern that is here: put letters in double quotes; {}",
                    patterns()
                ));
            } else {
                pieces.push(Piece::Literal(first.to_string()));
                rest = &rest[first.len_utf8()..];
            }
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

/// The pattern that `text` begins with: the longest one, as PostgreSQL has it.
fn name_at(text: &str) -> Result<Option<&'static str>, String> {
    let is_small = |name: &str| {
        let start = text.get(..name.len());
        start.is_some_and(|start| start == name.to_ascii_lowercase())
    };
    let numbers = NUMBERS.into_iter().chain(OTHERS);
    let numbers = numbers.filter(|name| text.starts_with(name) || is_small(name));
    let words = WORDS.into_iter().filter(|word| text.starts_with(word));
    let longest = numbers.chain(words).max_by_key(|name| name.len());
    match longest.filter(|name| OTHERS.contains(name)) {
        Some(other) => Err(format!(
            "the pattern {other} is not here: put what is no pattern in double quotes; {}",
            patterns()
        )),
        None => Ok(longest),
    }
}

fn patterns() -> String {
    let numbers = NUMBERS.join(", ");
    format!("the patterns are {numbers}, Month, Mon, Day, Dy, AM and FM")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_postgres_reads_as_one_pattern_is_not_cut_in_two() {
        for (format, other) in [
            ("SSSS", "SSSS"),
            ("HH24SSSSS", "SSSSS"),
            ("iddd", "IDDD"),
            ("Y,YYY", "Y,YYY"),
            ("y,yyy", "Y,YYY"),
            ("a.m.", "A.M."),
        ] {
            let refused = Format::parse(format).err().unwrap_or_default();
            let is_said = refused.starts_with(&format!("the pattern {other} is not here"));
            assert!(is_said, "{format}: {refused}");
        }
        assert!(Format::parse("SS.SS Y, YYY ID DD").is_ok());
    }

    #[test]
    fn a_fill_mode_is_of_the_pattern_after_it() {
        for format in ["FM-MM", "DD FM MM", "FMFMDD", "FM", "DDFM", "FM\"x\"DD"] {
            let refused = Format::parse(format).err().unwrap_or_default();
            assert!(
                refused.starts_with("FM stands before"),
                "{format}: {refused}"
            );
        }
        let mut text = String::new();
        Format::parse("FMDD-DD fmmm MM")
            .unwrap()
            .write(0, &mut text);
        assert_eq!(text, "1-01 1 01");
    }
}
