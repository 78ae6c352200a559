//! Values for messages to people.

use crate::column::{Column, Values};
use crate::types::Type;
use crate::{double, input, time};

/// Characters of a value that a message shows: enough to know it by.
const SHOWN_MAX: usize = 60;

/// The value at `row` as a literal of SQL.
pub(crate) fn show(column: &Column, of_type: Type, row: usize) -> String {
    if !column.is_valid[row] {
        return "null".to_owned();
    }
    let mut text = String::new();
    match &column.values {
        Values::Bool(values) => return values[row].to_string(),
        Values::Numeric(values) => text = values[row].to_string(),
        Values::Float(values) => double::write(values[row], &mut text),
        Values::Text(values) => return quoted(values[row]),
        Values::Bytes(values) => {
            text.push_str("\\x");
            let shown = &values[row][..values[row].len().min(SHOWN_MAX)];
            input::write_hexadecimal(shown, &mut text);
            return quoted(&text);
        }
        Values::Int(values) => match of_type {
            Type::Date => time::write_date(values[row], &mut text),
            Type::Time => time::write_time(values[row], &mut text),
            Type::Timestamp | Type::Timestamptz => {
                time::write_timestamp(values[row], of_type == Type::Timestamptz, &mut text);
            }
            _ => return values[row].to_string(),
        },
    }
    match of_type {
        Type::Date | Type::Time | Type::Timestamp | Type::Timestamptz => quoted(&text),
        _ => text,
    }
}

fn quoted(text: &str) -> String {
    let end = text
        .char_indices()
        .nth(SHOWN_MAX)
        .map_or(text.len(), |(end, _)| end);
    let rest = if end < text.len() { ".." } else { "" };
    format!("'{}{rest}'", text[..end].replace('\'', "''"))
}
