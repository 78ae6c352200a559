//! Document paths: where in a record a column comes from.
//!
//! Names stand between dots. A name that has a dot itself stands in quotation marks, in which `\"`
//! and `\\` are a quotation mark and a backslash: `value.after."address.city"`.

use crate::column::{Field, LogicalType};
use crate::record::{Record, Value};

/// A read that no message could answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    #[error(
        "`{path}` is not a document path: use `value.NAME`, `key.NAME` (with more names after \
         more dots; a name with a dot in quotation marks), `key`, `value`, `header.NAME`, \
         `meta.topic`, `meta.partition`, `meta.offset`, `meta.timestamp`, `meta.tombstone` or \
         `meta.has_key`"
    )]
    NotAPath { path: String },
    #[error("`{path}` cannot be read as {logical_type}: declare it as {allowed}")]
    Type {
        path: String,
        logical_type: LogicalType,
        allowed: &'static str,
    },
    #[error("`{path}` is read twice: declare it once")]
    Twice { path: String },
    #[error(
        "`{parent}` is read as {logical_type}, so nothing below it can be read, but `{path}` is: \
         declare `{parent}` as json"
    )]
    BelowScalar {
        parent: String,
        logical_type: LogicalType,
        path: String,
    },
}

/// The source of a column's values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ColumnSource {
    /// A place in the JSON document that the value or the key is.
    Document {
        part: Part,
        names: Vec<String>,
    },
    /// The bytes themselves, as they are or as text.
    Bytes(Part),
    /// The last header of that name, as text.
    Header(String),
    Topic,
    Partition,
    Offset,
    Timestamp,
    Tombstone,
    HasKey,
}

/// The two parts of a record that can be documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    Value,
    Key,
}

impl Part {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Key => "key",
        }
    }

    /// The bytes that it is of a record, where they are in one piece.
    #[inline]
    pub(super) fn of<'r>(self, record: &Record<'r>) -> Option<&'r [u8]> {
        match self {
            // What begins as others do is JSON, and has no frame.
            Self::Value => record.value.filter(|v| v.head().is_none()).map(Value::rest),
            Self::Key => record.key,
        }
    }
}

impl ColumnSource {
    pub(super) fn of(field: &Field) -> Result<Self, PathError> {
        use LogicalType as T;
        let not_a_path = || PathError::NotAPath {
            path: field.name.clone(),
        };
        let as_type = |source, allowed: &'static str, fits: bool| match fits {
            true => Ok(source),
            false => Err(PathError::Type {
                path: field.name.clone(),
                logical_type: field.logical_type,
                allowed,
            }),
        };
        let logical_type = field.logical_type;
        let (root, rest) = match field.name.split_once('.') {
            Some((root, rest)) => (root, Some(rest)),
            None => (field.name.as_str(), None),
        };
        match (root, rest) {
            ("value", rest) => document(Part::Value, rest, field),
            ("key", rest) => document(Part::Key, rest, field),
            ("header", Some(name)) if !name.is_empty() => as_type(
                Self::Header(name.to_owned()),
                "text",
                logical_type == T::Text,
            ),
            ("meta", Some("topic")) => as_type(Self::Topic, "text", logical_type == T::Text),
            ("meta", Some("partition")) => {
                as_type(Self::Partition, "int64", logical_type == T::Int64)
            }
            ("meta", Some("offset")) => as_type(Self::Offset, "int64", logical_type == T::Int64),
            ("meta", Some("timestamp")) => {
                let fits = matches!(logical_type, T::TimestampMs | T::Int64);
                as_type(Self::Timestamp, "timestamp(ms) or int64", fits)
            }
            ("meta", Some("tombstone")) => {
                as_type(Self::Tombstone, "boolean", logical_type == T::Boolean)
            }
            ("meta", Some("has_key")) => {
                as_type(Self::HasKey, "boolean", logical_type == T::Boolean)
            }
            _ => Err(not_a_path()),
        }
    }
}

fn document(part: Part, rest: Option<&str>, field: &Field) -> Result<ColumnSource, PathError> {
    let (path, logical_type) = (field.name.clone(), field.logical_type);
    let names = match rest {
        None => Vec::new(),
        Some(rest) => names(rest).ok_or(PathError::NotAPath { path })?,
    };
    // A key is seldom a quoted JSON string: producers write `alice` or a bare UUID.
    let is_whole = matches!(
        logical_type,
        LogicalType::Text | LogicalType::Uuid | LogicalType::Bytes
    );
    Ok(match names.is_empty() && is_whole {
        true => ColumnSource::Bytes(part),
        false => ColumnSource::Document { part, names },
    })
}

/// The names of a path, or of a piece of one that begins with a name; none where it is no path.
pub fn names(path: &str) -> Option<Vec<String>> {
    let mut found = Vec::new();
    let mut rest = path;
    loop {
        let (name, behind) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_name(quoted)?,
            None => {
                let end = rest.find('.').unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        if name.is_empty() && !rest.starts_with('"') {
            return None;
        }
        found.push(name);
        match behind.strip_prefix('.') {
            Some(next) => rest = next,
            None if behind.is_empty() => return Some(found),
            None => return None,
        }
    }
}

/// The name whose opening quotation mark has been read, and what is left behind the closing one.
fn quoted_name(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((name, &text[at + 1..])),
            '\\' => name.push(
                chars
                    .next()
                    .map(|(_, c)| c)
                    .filter(|c| "\"\\".contains(*c))?,
            ),
            c => name.push(c),
        }
    }
    None
}

/// The path of the member `name` of the object at `path`, with quotation marks where the name needs
/// them.
pub fn below(path: &str, name: &str) -> String {
    match name.is_empty() || name.contains('.') || name.starts_with('"') {
        false => format!("{path}.{name}"),
        true => {
            let name = name.replace('\\', "\\\\").replace('"', "\\\"");
            format!("{path}.\"{name}\"")
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_quoted_name_ends_at_its_mark() {
        let of = |path| names(path).map(|names| names.join("|"));
        for (path, found) in [
            (r#"value."a.b".c"#, "value|a.b|c"),
            (r#"value."a\"\\b""#, r#"value|a"\b"#),
            (r#"value.a"b"#, r#"value|a"b"#),
            (r#"value.a[0] é"#, "value|a[0] é"),
            (r#"value."""#, "value|"),
        ] {
            assert_eq!(of(path).as_deref(), Some(found), "{path}");
        }
        for path in [
            "",
            "value.",
            "value..a",
            r#"value."a"#,
            r#"value."a"b"#,
            r#"value."\n""#,
        ] {
            assert_eq!(of(path), None, "{path}");
        }
    }

    proptest! {
        #[test]
        fn any_name_can_be_told(parts in prop::collection::vec(r#"[a.\\" \[é😀\n]{0,5}"#, 1..4)) {
            let path = parts.iter().fold("value".to_owned(), |path, name| below(&path, name));
            let found = names(&path).unwrap();
            prop_assert_eq!(&found[1..], &parts[..]);
        }
    }
}
