//! Values of a query as the files write them. They were first written by a player in Python, and go
//! on being playable by it.

use tokio_postgres::types::Type;

/// What Python's `str` makes of a value that Postgres prints as `text`.
pub(super) fn as_text(text: Option<&str>, of: &Type) -> String {
    let Some(text) = text else {
        return "null".to_owned();
    };
    match *of {
        Type::BOOL => if text == "t" { "True" } else { "False" }.to_owned(),
        Type::FLOAT4 | Type::FLOAT8 => float(text),
        Type::TIMESTAMP | Type::TIMESTAMPTZ => time(text),
        _ => text.to_owned(),
    }
}

fn float(text: &str) -> String {
    let is_whole = text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    format!("{text}{}", if is_whole { ".0" } else { "" })
}

/// Six digits of a second or none, and minutes in the offset.
fn time(text: &str) -> String {
    let Some((date, clock)) = text.split_once(' ') else {
        return text.to_owned();
    };
    let (clock, zone) = clock.split_at(clock.find(['+', '-']).unwrap_or(clock.len()));
    let clock = match clock.split_once('.') {
        Some((seconds, fraction)) => format!("{seconds}.{fraction:0<6}"),
        None => clock.to_owned(),
    };
    let minutes = if zone.len() == 3 { ":00" } else { "" };
    format!("{date} {clock}{zone}{minutes}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_python_writes_them() {
        for (text, of, expected) in [
            (None, Type::INT8, "null"),
            (Some("t"), Type::BOOL, "True"),
            (Some("1"), Type::FLOAT8, "1.0"),
            (Some("-1.5"), Type::FLOAT8, "-1.5"),
            (Some("1e+20"), Type::FLOAT8, "1e+20"),
            (Some("7.50"), Type::NUMERIC, "7.50"),
            (
                Some("2024-03-10 08:30:00.5+00"),
                Type::TIMESTAMPTZ,
                "2024-03-10 08:30:00.500000+00:00",
            ),
            (
                Some("2024-03-10 08:30:00"),
                Type::TIMESTAMP,
                "2024-03-10 08:30:00",
            ),
            (Some("infinity"), Type::TIMESTAMPTZ, "infinity"),
        ] {
            assert_eq!(as_text(text, &of), expected);
        }
    }
}
