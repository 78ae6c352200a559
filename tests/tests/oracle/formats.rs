//! Formats of times, made by chance of all that PostgreSQL knows.

use crate::expressions::Expressions;
use crate::values::Values;

/// Formats that are compared.
const FORMATS: usize = 300;

/// Patterns that are here.
const HERE: [&str; 36] = [
    "DDD", "DD", "D", "HH24", "HH12", "HH", "IYYY", "IW", "ID", "MI", "MM", "MS", "Q", "SS", "US",
    "WW", "W", "YYYY", "YYY", "YY", "Y", "MONTH", "Month", "month", "MON", "Mon", "mon", "DAY",
    "Day", "day", "DY", "Dy", "dy", "AM", "pm", "FM",
];
/// The other ones of PostgreSQL, what it puts before them or after them, and what is none.
const OTHERS: [&str; 43] = [
    "A.D.", "A.M.", "AD", "B.C.", "BC", "CC", "FF1", "FF6", "FX", "IDDD", "IYY", "IY", "I", "J",
    "OF", "P.M.", "RM", "SSSSS", "SSSS", "TZH", "TZM", "TZ", "Y,YYY", "TM", "TH", "SP", "FM", "M",
    "S", "H", "A", "\"", "\"q\"", "\\", "-", ":", ",", ".", " ", "/", "é", "2", "",
];

pub(crate) fn formats(values: &mut Values) -> Expressions {
    let mut found = Vec::new();
    while found.len() < FORMATS {
        let format: String = (0..2 + values.below(3)).map(|_| piece(values)).collect();
        let text = format!("to_char(a, '{format}')");
        // What is refused here is not asked there.
        if sql::probe::probe(&text, &[("a", sql::Type::Timestamp)], &[]).is_ok() {
            found.push((text, "a:timestamp".to_owned()));
        }
    }
    found
}

fn piece(values: &mut Values) -> String {
    let piece = match values.below(3) {
        0 => values.pick(&OTHERS),
        _ => values.pick(&HERE),
    };
    match values.below(3) {
        0 => piece.to_ascii_lowercase(),
        _ => piece.to_owned(),
    }
}
