//! Document paths: where in a record a column comes from.

use crate::column::{Field, LogicalType};

/// A read that no message could answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    #[error(
        "`{path}` is not a document path: use `value.NAME`, `key.NAME` (with more names after \
         more dots), `key`, `value`, `header.NAME`, `meta.topic`, `meta.partition`, `meta.offset` \
         or `meta.timestamp`"
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
    /// The bytes themselves, as text.
    Bytes(Part),
    /// The last header of that name, as text.
    Header(String),
    Topic,
    Partition,
    Offset,
    Timestamp,
}

/// The two parts of a record that can be documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
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
            _ => Err(not_a_path()),
        }
    }
}

fn document(part: Part, rest: Option<&str>, field: &Field) -> Result<ColumnSource, PathError> {
    let (path, logical_type) = (field.name.clone(), field.logical_type);
    if logical_type == LogicalType::Bytes {
        let allowed = "text (JSON has no bytes; base64 stays as it is)";
        return Err(PathError::Type {
            path,
            logical_type,
            allowed,
        });
    }
    let names: Vec<String> = rest
        .iter()
        .flat_map(|r| r.split('.'))
        .map(str::to_owned)
        .collect();
    if names.iter().any(String::is_empty) {
        return Err(PathError::NotAPath { path });
    }
    // A key is seldom a quoted JSON string: producers write `alice` or a bare UUID.
    let is_text = matches!(logical_type, LogicalType::Text | LogicalType::Uuid);
    Ok(match names.is_empty() && is_text {
        true => ColumnSource::Bytes(part),
        false => ColumnSource::Document { part, names },
    })
}
