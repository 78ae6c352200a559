//! Values for messages to people.

use crate::column::{Column, Values};
use crate::types::Type;
use crate::{double, input, time};

/// Characters of a value that a message shows: enough to know it by.
const SHOWN_MAX: usize = 60;

/// Appends the value at `row` as a literal of SQL.
pub(crate) fn show(column: &Column, of_type: Type, row: usize, shown: &mut String) {
    let row = column.at(row);
    if !column.is_valid[row] {
        return shown.push_str("null");
    }
    match &column.values {
        Values::Bool(values) => shown.push_str(if values[row] { "true" } else { "false" }),
        Values::Numeric(values) => {
            let digits = values[row].to_string();
            shown.push_str(&digits[..digits.len().min(SHOWN_MAX)]);
            shown.push_str(if digits.len() > SHOWN_MAX { ".." } else { "" });
        }
        Values::Float(values) => double::write(values[row], shown),
        Values::Text(values) => quote(values[row], shown),
        Values::Bytes(values) => {
            let bytes = &values[row][..values[row].len().min(SHOWN_MAX)];
            shown.push_str("'\\x");
            input::write_hexadecimal(bytes, shown);
            shown.push_str(if bytes.len() < values[row].len() {
                "..'"
            } else {
                "'"
            });
        }
        Values::Int(values) => show_whole(values[row], of_type, shown),
    }
}

fn show_whole(value: i64, of_type: Type, shown: &mut String) {
    let mut text = String::new();
    match of_type {
        Type::Date => time::write_date(value, &mut text),
        Type::Time => time::write_time(value, &mut text),
        Type::Timestamp | Type::Timestamptz => {
            time::write_timestamp(value, of_type == Type::Timestamptz, &mut text);
        }
        _ => return shown.push_str(&value.to_string()),
    }
    quote(&text, shown);
}

fn quote(text: &str, shown: &mut String) {
    let end = match text.len() > SHOWN_MAX {
        true => text.char_indices().nth(SHOWN_MAX),
        false => None,
    };
    let end = end.map_or(text.len(), |(end, _)| end);
    shown.push('\'');
    for (at, part) in text[..end].split('\'').enumerate() {
        if at > 0 {
            shown.push_str("''");
        }
        shown.push_str(part);
    }
    shown.push_str(if end < text.len() { "..'" } else { "'" });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::Numeric;

    #[test]
    fn long_values_are_cut() {
        let shown = |values: Values| {
            let mut shown = String::new();
            show(
                &Column::new(values, vec![true]),
                Type::Unknown,
                0,
                &mut shown,
            );
            shown
        };
        let (long, short) = ("1".repeat(61), "1".repeat(60));
        let number = |text: &str| Values::Numeric(vec![Numeric::parse(text).unwrap()]);
        assert_eq!(shown(number(&long)), format!("{short}.."));
        assert_eq!(shown(number(&short)), short);
        assert_eq!(shown(Values::Text(vec![&long])), format!("'{short}..'"));
        assert_eq!(shown(Values::Text(vec!["it's"])), "'it''s'");
    }
}
