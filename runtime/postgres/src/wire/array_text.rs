//! Lists in JSON as arrays of Postgres, in its text form: `["a", null]` as `{"a",NULL}`.

use bytes::{BufMut, BytesMut};
use gristmill_core::calendar::date_of;
use gristmill_core::column::LogicalType;
use gristmill_core::decode::{Unit, base64, counted, unscaled};

/// What the elements of an array column are, where JSON writes them otherwise than Postgres reads
/// them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Elements {
    /// As they stand.
    Plain,
    /// A number counts days since 1970.
    Dates,
    /// A number counts units since 1970.
    Instants(Unit),
    /// A number counts units since midnight.
    Times(Unit),
    /// Text is base64.
    Bytes,
    /// An object is a scale and an unscaled integer, as Debezium writes a `numeric` of no size.
    Numbers,
}

impl Elements {
    /// Of an array type as `\d` shows it, and without modifiers: `timestamp(3) without time
    /// zone[]`. `None`: it is no array. As Debezium does by default: times of up to three digits
    /// are milliseconds, others microseconds.
    pub(crate) fn of(type_name: &str, base_type: &str) -> Option<Self> {
        let element = base_type.strip_suffix("[]")?;
        let is_coarse = ["(0)", "(1)", "(2)", "(3)"];
        let unit = match is_coarse.iter().any(|size| type_name.contains(size)) {
            true => Unit::Millis,
            false => Unit::Micros,
        };
        Some(match element {
            "date" => Self::Dates,
            "timestamp without time zone" | "timestamp with time zone" => Self::Instants(unit),
            "time without time zone" => Self::Times(unit),
            "bytea" => Self::Bytes,
            "numeric" => Self::Numbers,
            _ => Self::Plain,
        })
    }
}

/// Appends the array that `json` is. What is no list is appended as it stands: Postgres refuses it.
pub(crate) fn put_array(json: &str, elements: Elements, out: &mut BytesMut) {
    let start = out.len();
    let mut writer = Writer {
        rest: json.trim_ascii(),
        elements,
        out,
    };
    if !writer.rest.starts_with('[') || writer.list().is_none() || !writer.rest.is_empty() {
        out.truncate(start);
        out.put_slice(json.as_bytes());
    }
}

struct Writer<'a, 'o> {
    rest: &'a str,
    elements: Elements,
    out: &'o mut BytesMut,
}

impl<'a> Writer<'a, '_> {
    /// The whole list with the lists in it. It takes no stack: how deep they lie is for Postgres to
    /// limit.
    fn list(&mut self) -> Option<()> {
        let mut depth = 0;
        loop {
            self.rest = self.rest.trim_ascii_start();
            match self.rest.as_bytes().first()? {
                b'[' => {
                    depth += 1;
                    self.put_mark(b'{');
                }
                b']' => {
                    depth -= 1;
                    self.put_mark(b'}');
                    if depth == 0 {
                        return Some(());
                    }
                }
                b',' => self.put_mark(b','),
                b'"' => {
                    let quoted = self.take(end_of_text(self.rest)?);
                    self.text(quoted)?;
                }
                b'{' => {
                    let object = self.take(end_of_object(self.rest)?);
                    self.object(object);
                }
                _ => {
                    let ends = |c: char| c == ',' || c == ']' || c.is_ascii_whitespace();
                    let word = self.take(self.rest.find(ends)?);
                    self.word(word);
                }
            }
        }
    }

    fn put_mark(&mut self, mark: u8) {
        self.out.put_u8(mark);
        self.rest = &self.rest[1..];
    }

    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        taken
    }

    /// A number, a truth value or null.
    fn word(&mut self, word: &str) {
        let number = word.parse::<i64>().ok();
        let written = match (self.elements, number) {
            _ if word == "null" => return self.out.put_slice(b"NULL"),
            (Elements::Dates, Some(days)) => {
                counted(days, Unit::Days, LogicalType::Date).map(|days| instant(days, 0, false))
            }
            (Elements::Instants(unit), Some(value)) => {
                counted(value, unit, LogicalType::TimestampUs).map(|us| instant(us, DAY_US, true))
            }
            (Elements::Times(unit), Some(value)) => {
                counted(value, unit, LogicalType::TimeUs).map(time_of_day)
            }
            _ => None,
        };
        match written {
            Some(text) => self.put_quoted(&text),
            None => self.put_quoted(word),
        }
    }

    fn text(&mut self, quoted: &str) -> Option<()> {
        let unescaped;
        let text = match quoted.contains('\\') {
            false => &quoted[1..quoted.len() - 1],
            true => {
                unescaped = serde_json::from_str::<String>(quoted).ok()?;
                &unescaped
            }
        };
        let mut bytes = Vec::new();
        // What `to_jsonb` makes of bytes is hexadecimal digits.
        let is_base64 = self.elements == Elements::Bytes && !text.starts_with("\\x");
        match is_base64 && base64(text, &mut bytes).is_some() {
            true => {
                let digits = bytes.iter().flat_map(|byte| {
                    [byte >> 4, byte & 15].map(|d| char::from(b"0123456789abcdef"[usize::from(d)]))
                });
                self.put_quoted(&"\\x".chars().chain(digits).collect::<String>());
            }
            false => self.put_quoted(text),
        }
        Some(())
    }

    /// A document within the list: of json, or a number with its scale.
    fn object(&mut self, object: &str) {
        let number = (self.elements == Elements::Numbers)
            .then(|| scaled(object))
            .flatten();
        self.put_quoted(number.as_deref().unwrap_or(object));
    }

    fn put_quoted(&mut self, text: &str) {
        self.out.reserve(text.len() + 2);
        self.out.put_u8(b'"');
        for &byte in text.as_bytes() {
            if matches!(byte, b'"' | b'\\') {
                self.out.put_u8(b'\\');
            }
            self.out.put_u8(byte);
        }
        self.out.put_u8(b'"');
    }
}

/// The number that an object is, of a scale and a signed integer in base64.
fn scaled(object: &str) -> Option<String> {
    let object: serde_json::Value = serde_json::from_str(object).ok()?;
    let scale = i32::try_from(object.get("scale")?.as_i64()?).ok()?;
    let (mut bytes, mut digits) = (Vec::new(), String::new());
    base64(object.get("value")?.as_str()?, &mut bytes)?;
    unscaled(&bytes, scale, &mut digits)?;
    Some(digits)
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

/// A day, or an instant in UTC of which `day` units are one, as Postgres reads them.
fn instant(value: i64, day: i64, has_time: bool) -> String {
    match value {
        i64::MAX => return "infinity".to_owned(),
        i64::MIN => return "-infinity".to_owned(),
        _ => {}
    }
    let (days, rest) = match has_time {
        true => (value.div_euclid(day), value.rem_euclid(day)),
        false => (value, 0),
    };
    // Beyond what Postgres holds, and what can be counted in years of ten digits.
    if days.abs() > 1 << 40 {
        return value.to_string();
    }
    let (year, month, day) = date_of(days);
    let (year, era) = if year > 0 {
        (year, "")
    } else {
        (1 - year, " BC")
    };
    let time = match has_time {
        true => format!(" {}+00", time_of_day(rest)),
        false => String::new(),
    };
    format!("{year:04}-{month:02}-{day:02}{time}{era}")
}

/// A time of the day as Postgres reads it; one that is none it refuses.
fn time_of_day(us: i64) -> String {
    let (seconds, us) = (us.div_euclid(1_000_000), us.rem_euclid(1_000_000));
    let (minutes, second) = (seconds.div_euclid(60), seconds.rem_euclid(60));
    let (hour, minute) = (minutes.div_euclid(60), minutes.rem_euclid(60));
    format!("{hour:02}:{minute:02}:{second:02}.{us:06}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(json: &str, elements: Elements) -> String {
        let mut out = BytesMut::from("before ");
        put_array(json, elements, &mut out);
        let text = String::from_utf8(out.to_vec()).unwrap();
        text.strip_prefix("before ").unwrap().to_owned()
    }

    #[test]
    fn lists_are_arrays() {
        for (json, text) in [
            ("[]", "{}"),
            (r#" ["a", null ,"c,d"] "#, r#"{"a",NULL,"c,d"}"#),
            ("[[1,2],[3,4.50]]", r#"{{"1","2"},{"3","4.50"}}"#),
            (
                r#"["\"\\\n{}é", "null", ""]"#,
                "{\"\\\"\\\\\n{}é\",\"null\",\"\"}",
            ),
            (r#"[{"a":"}]\""},true]"#, r#"{"{\"a\":\"}]\\\"\"}","true"}"#),
        ] {
            assert_eq!(array(json, Elements::Plain), text, "{json}");
        }
        for json in [
            "1",
            "null",
            "{}",
            "[",
            "[1",
            "[1]]",
            "[\"",
            r#"["\ud800"]"#,
            "[{]",
            "",
        ] {
            assert_eq!(array(json, Elements::Plain), json);
        }
    }

    #[test]
    fn elements_are_what_the_column_s_are() {
        let dates = r#"{"2024-09-17","-infinity","infinity","0044-03-15 BC","x"}"#;
        let json = r#"[19983, -2147472691, -2147472692, -735160, "x"]"#;
        assert_eq!(array(json, Elements::Dates), dates);
        let instants = r#"{"2024-09-17 12:34:56.789000+00","1969-12-31 23:59:59.999000+00"}"#;
        let ms = Elements::Instants(Unit::Millis);
        assert_eq!(array("[1726576496789,-1]", ms), instants);
        let us = Elements::Instants(Unit::Micros);
        assert_eq!(array("[9223372036825200000]", us), r#"{"infinity"}"#);
        let times = Elements::Times(Unit::Micros);
        assert_eq!(array("[86400000000]", times), r#"{"24:00:00.000000"}"#);
        let bytes = array(r#"["AP8Q","\\x00",""]"#, Elements::Bytes);
        assert_eq!(bytes, r#"{"\\x00ff10","\\x00","\\x"}"#);
        let numbers = array(r#"[{"scale":2,"value":"BNI="},"7",8.0]"#, Elements::Numbers);
        assert_eq!(numbers, r#"{"12.34","7","8.0"}"#);
        let of = |name: &str, base: &str| Elements::of(name, base);
        let local = "timestamp without time zone[]";
        assert_eq!(of("timestamp(3) without time zone[]", local), Some(ms));
        assert_eq!(of(local, local), Some(us));
        assert_eq!(
            (of("date", "date"), of("mood[]", "mood[]")),
            (None, Some(Elements::Plain))
        );
    }
}
