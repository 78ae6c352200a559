//! Values of all rows of a batch.

use crate::numeric::Numeric;
use crate::types::Type;
use crate::value::Value;

/// Values of one layout. Under a null they are meaningless.
#[derive(Clone, Debug)]
pub(crate) enum Values<'a> {
    Bool(Vec<bool>),
    Int(Vec<i64>),
    Float(Vec<f64>),
    Numeric(Vec<Numeric>),
    Text(Vec<&'a str>),
    Bytes(Vec<&'a [u8]>),
}

/// A value a row. Texts are borrowed: from the batch, from a constant, or from what a step made.
#[derive(Clone, Debug)]
pub(crate) struct Column<'a> {
    pub(crate) values: Values<'a>,
    pub(crate) is_valid: Vec<bool>,
    /// The rows whose value the source did not say, in a normalizer: they have no value. To what is
    /// computed of it such a value is null, and what is null for that reason is absent, too.
    pub(crate) is_absent: Option<Vec<bool>>,
}

impl<'a> Column<'a> {
    pub(crate) fn new(values: Values<'a>, is_valid: Vec<bool>) -> Self {
        Self {
            values,
            is_valid,
            is_absent: None,
        }
    }

    pub(crate) fn of_value(value: &'a Value, of_type: Type, rows: usize) -> Self {
        let values = match value {
            Value::Bool(value) => Values::Bool(vec![*value; rows]),
            Value::Int(value) => Values::Int(vec![*value; rows]),
            Value::Float(value) => Values::Float(vec![*value; rows]),
            Value::Numeric(value) => Values::Numeric(vec![value.clone(); rows]),
            Value::Text(value) => Values::Text(vec![value; rows]),
            Value::Bytes(value) => Values::Bytes(vec![value; rows]),
            // What is made of these a step has at hand.
            Value::Interval(_) | Value::Path(_) => Values::Text(vec![""; rows]),
            Value::Null => return Self::nulls(of_type, rows),
        };
        Self::new(values, vec![true; rows])
    }

    pub(crate) fn nulls(of_type: Type, rows: usize) -> Self {
        let values = match of_type {
            Type::Boolean => Values::Bool(vec![false; rows]),
            Type::Float8 => Values::Float(vec![0.0; rows]),
            Type::Numeric => Values::Numeric(vec![Numeric::default(); rows]),
            Type::Bytea => Values::Bytes(vec![&[]; rows]),
            Type::Int4
            | Type::Int8
            | Type::Date
            | Type::Time
            | Type::Timestamp
            | Type::Timestamptz => Values::Int(vec![0; rows]),
            _ => Values::Text(vec![""; rows]),
        };
        Self::new(values, vec![false; rows])
    }

    /// Nulls of this layout.
    fn blank(&self, rows: usize) -> Self {
        let of_type = match self.values {
            Values::Bool(_) => Type::Boolean,
            Values::Int(_) => Type::Int8,
            Values::Float(_) => Type::Float8,
            Values::Numeric(_) => Type::Numeric,
            Values::Text(_) => Type::Text,
            Values::Bytes(_) => Type::Bytea,
        };
        Self::nulls(of_type, rows)
    }

    /// The value at `row` as a constant.
    pub(crate) fn value(&self, row: usize) -> Value {
        if !self.is_valid[row] {
            return Value::Null;
        }
        match &self.values {
            Values::Bool(values) => Value::Bool(values[row]),
            Values::Int(values) => Value::Int(values[row]),
            Values::Float(values) => Value::Float(values[row]),
            Values::Numeric(values) => Value::Numeric(values[row].clone()),
            Values::Text(values) => Value::Text(values[row].to_owned()),
            Values::Bytes(values) => Value::Bytes(values[row].to_owned()),
        }
    }

    pub(crate) fn bools(&self) -> &[bool] {
        match &self.values {
            Values::Bool(values) => values,
            _ => &[],
        }
    }

    /// Whether the row is true; null is not.
    pub(crate) fn is_true(&self, row: usize) -> bool {
        self.is_valid[row] && self.bools()[row]
    }

    /// Each row from one of `columns`, all of one layout: the one that `choice` has, null at
    /// `NONE`.
    pub(crate) fn merge(columns: &[&Column<'a>], choice: &[u32], of_type: Type) -> Self {
        let mut merged = match columns.first() {
            Some(column) => column.blank(choice.len()),
            None => Self::nulls(of_type, choice.len()),
        };
        macro_rules! fill {
            ($target:ident, $variant:ident) => {
                for (row, source) in choice.iter().enumerate() {
                    if let Some(source) = columns.get(*source as usize)
                        && let Values::$variant(values) = &source.values
                    {
                        $target[row] = values[row].clone();
                        merged.is_valid[row] = source.is_valid[row];
                    }
                }
            };
        }
        match &mut merged.values {
            Values::Bool(target) => fill!(target, Bool),
            Values::Int(target) => fill!(target, Int),
            Values::Float(target) => fill!(target, Float),
            Values::Numeric(target) => fill!(target, Numeric),
            Values::Text(target) => fill!(target, Text),
            Values::Bytes(target) => fill!(target, Bytes),
        }
        if columns.iter().any(|column| column.is_absent.is_some()) {
            let is_absent = |source: &u32, row: usize| {
                let source = columns
                    .get(*source as usize)
                    .and_then(|c| c.is_absent.as_ref());
                source.is_some_and(|absent| absent[row])
            };
            let absent = choice
                .iter()
                .enumerate()
                .map(|(row, source)| is_absent(source, row));
            merged.is_absent = Some(absent.collect());
        }
        merged
    }

    /// Makes absent what has no value though one of `sources` is absent there.
    pub(crate) fn with_absent_of(mut self, sources: &[&Column]) -> Self {
        for source in sources {
            let Some(absent) = &source.is_absent else {
                continue;
            };
            let is_absent = self
                .is_absent
                .get_or_insert_with(|| vec![false; self.is_valid.len()]);
            for (row, is_valid) in self.is_valid.iter().enumerate() {
                is_absent[row] |= absent[row] && !is_valid;
            }
        }
        self
    }

    /// Whether the source did not say the value at `row`.
    pub(crate) fn is_absent(&self, row: usize) -> bool {
        self.is_absent.as_ref().is_some_and(|absent| absent[row])
    }
}

/// No source of [`Column::merge`].
pub(crate) const NONE: u32 = u32::MAX;
