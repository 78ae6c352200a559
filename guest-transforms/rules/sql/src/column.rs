//! Values of all rows of a batch.

use std::ops::Index;

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
    /// What is taken of the number of a row to find its value: nothing in a constant, which has one
    /// value for all rows.
    mask: usize,
}

/// The values of a column by the numbers of the rows.
#[derive(Clone, Copy)]
pub(crate) struct Lane<'c, T> {
    values: &'c [T],
    mask: usize,
}

impl<T> Default for Lane<'_, T> {
    fn default() -> Self {
        Self {
            values: &[],
            mask: 0,
        }
    }
}

impl<T> Lane<'_, T> {
    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

impl<T> Index<usize> for Lane<'_, T> {
    type Output = T;

    #[inline]
    fn index(&self, row: usize) -> &T {
        &self.values[row & self.mask]
    }
}

macro_rules! lane {
    ($name:ident, $variant:ident, $value:ty) => {
        /// The values; none of another layout.
        pub(crate) fn $name(&self) -> Lane<'_, $value> {
            match &self.values {
                Values::$variant(values) => self.lane(values),
                _ => self.lane(&[]),
            }
        }
    };
}

impl<'a> Column<'a> {
    pub(crate) fn new(values: Values<'a>, is_valid: Vec<bool>) -> Self {
        Self {
            values,
            is_valid,
            is_absent: None,
            mask: usize::MAX,
        }
    }

    /// One value for all rows.
    pub(crate) fn of_value(value: &'a Value, of_type: Type) -> Self {
        let values = match value {
            Value::Bool(value) => Values::Bool(vec![*value]),
            Value::Int(value) => Values::Int(vec![*value]),
            Value::Float(value) => Values::Float(vec![*value]),
            Value::Numeric(value) => Values::Numeric(vec![value.clone()]),
            Value::Text(value) => Values::Text(vec![value]),
            Value::Bytes(value) => Values::Bytes(vec![value]),
            // What is made of these a step has at hand.
            Value::Interval(_) | Value::Path(_) => Values::Text(vec![""]),
            Value::Null => Self::nulls(of_type, 1).values,
        };
        let mut column = Self::new(values, vec![!value.is_null()]);
        column.mask = 0;
        column
    }

    lane!(bools, Bool, bool);
    lane!(ints, Int, i64);
    lane!(floats, Float, f64);
    lane!(numerics, Numeric, Numeric);
    lane!(texts, Text, &'a str);
    lane!(bytes, Bytes, &'a [u8]);

    fn lane<'c, T>(&self, values: &'c [T]) -> Lane<'c, T> {
        Lane {
            values,
            mask: self.mask,
        }
    }

    /// Where the value at `row` stands.
    pub(crate) fn at(&self, row: usize) -> usize {
        row & self.mask
    }

    pub(crate) fn is_constant(&self) -> bool {
        self.mask == 0
    }

    /// Whether there is a value at `row`.
    pub(crate) fn has(&self, row: usize) -> bool {
        self.is_valid[self.at(row)]
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
        let row = self.at(row);
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

    /// Whether the row is true; null is not.
    pub(crate) fn is_true(&self, row: usize) -> bool {
        self.has(row) && self.bools()[row]
    }

    /// Makes true false, and false true.
    pub(crate) fn negate(&mut self) {
        if let Values::Bool(values) = &mut self.values {
            values.iter_mut().for_each(|value| *value = !*value);
        }
    }

    /// Of `rows` rows those that `keeps` says, and null in the others.
    pub(crate) fn kept(&self, rows: usize, keeps: impl Fn(usize) -> bool) -> Self {
        let mut kept = match self.is_constant() {
            true => Self::merge(&[self], &vec![0; rows], Type::Any),
            false => self.clone(),
        };
        for (row, is_valid) in kept.is_valid.iter_mut().enumerate() {
            *is_valid &= keeps(row);
        }
        kept
    }

    /// Each row from one of `columns`, all of one layout: the one that `choice` has, null at
    /// `NONE`.
    pub(crate) fn merge(columns: &[&Column<'a>], choice: &[u32], of_type: Type) -> Self {
        let whole = columns
            .iter()
            .position(|column| column.is_valid.len() == choice.len());
        // Most rows are of the first column, so that it costs little to begin with all of it.
        let mut merged = match (whole, columns.first()) {
            (Some(whole), _) => columns[whole].clone(),
            (None, Some(column)) => column.blank(choice.len()),
            (None, None) => Self::nulls(of_type, choice.len()),
        };
        let whole = whole.map_or(NONE, |whole| whole as u32);
        merged.is_absent = None;
        macro_rules! fill {
            ($target:ident, $variant:ident) => {
                for (row, source) in choice.iter().enumerate() {
                    if *source == whole {
                        continue;
                    }
                    merged.is_valid[row] = false;
                    if let Some(source) = columns.get(*source as usize)
                        && let Values::$variant(values) = &source.values
                    {
                        let at = source.at(row);
                        $target[row] = values[at].clone();
                        merged.is_valid[row] = source.is_valid[at];
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
            let is_absent = |(row, source): (usize, &u32)| {
                let source = columns.get(*source as usize);
                source.is_some_and(|source| source.is_absent(row))
            };
            merged.is_absent = Some(choice.iter().enumerate().map(is_absent).collect());
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
