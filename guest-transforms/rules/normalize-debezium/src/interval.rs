//! Lengths of time, as Debezium sends them by default: as a number, or in text.

use std::borrow::Cow;
use std::fmt::Write;

/// Appends `-26:03:04.500000` of a number of microseconds, or the text of a text. What is neither
/// stays as it is, and Postgres says that it is none.
pub(crate) fn interval(json: &str, text: &mut String) {
    let Ok(us) = json.parse::<i64>() else {
        let inner = serde_json::from_str::<Cow<'_, str>>(json);
        return text.push_str(inner.as_deref().unwrap_or(json));
    };
    let sign = if us < 0 { "-" } else { "" };
    let (seconds, us) = (us.unsigned_abs() / 1_000_000, us.unsigned_abs() % 1_000_000);
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let _ = write!(text, "{sign}{hours}:{minutes:02}:{seconds:02}.{us:06}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_hours_or_what_its_text_says() {
        for (json, expected) in [
            ("37091106789000", "10303:05:06.789000"),
            ("-93784500000", "-26:03:04.500000"),
            ("0", "0:00:00.000000"),
            ("-9223372036854775808", "-2562047788:00:54.775808"),
            (r#""P1Y2M3DT4H5M6.7S""#, "P1Y2M3DT4H5M6.7S"),
            ("[1]", "[1]"),
        ] {
            let mut text = String::new();
            interval(json, &mut text);
            assert_eq!(text, expected, "{json}");
        }
    }
}
