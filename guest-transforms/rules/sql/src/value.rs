//! Constants.

use crate::numeric::Numeric;
use crate::time::Interval;

/// A value that an expression has whatever the row.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// Whole numbers; days, and microseconds.
    Int(i64),
    Float(f64),
    Numeric(Numeric),
    /// Text, uuid and jsonb.
    Text(String),
    Bytes(Vec<u8>),
    Interval(Interval),
    Path(Vec<Option<String>>),
}

impl Value {
    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}
