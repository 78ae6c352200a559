//! What a function is called with, once for all rows, and how it answers.

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use crate::column::{Column, Lane, Values};
use crate::function::Prepared;
use crate::numeric::Numeric;

/// Why a row has no value: PostgreSQL's sentence.
pub(crate) type Failure = Cow<'static, str>;

/// The first failure of each row.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    /// None in most batches: then there is no list.
    rows: RefCell<Vec<Option<Failure>>>,
}

impl Failures {
    fn add(&self, row: usize, rows: usize, failure: Failure) {
        let mut list = self.rows.borrow_mut();
        list.resize(rows, None);
        list[row].get_or_insert(failure);
    }

    /// What was added since the last time.
    pub(crate) fn take(&self) -> Vec<Option<Failure>> {
        self.rows.take()
    }
}

/// Where a step leaves the texts that it makes, for the columns that borrow them.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    text: OnceCell<String>,
    bytes: OnceCell<Vec<u8>>,
}

/// One step: a function and its arguments, for all rows of a batch.
pub(crate) struct Call<'c, 'a> {
    pub(crate) arguments: &'c [Rc<Column<'a>>],
    /// The rows whose value is asked for: of a strict function those without a null.
    pub(crate) is_live: &'c [bool],
    pub(crate) prepared: Option<&'a Prepared>,
    pub(crate) slot: &'a Slot,
    pub(crate) failures: &'c Failures,
}

macro_rules! argument {
    ($name:ident, $value:ty) => {
        pub(crate) fn $name(&self, index: usize) -> Lane<'c, $value> {
            match self.arguments.get(index) {
                Some(column) => column.$name(),
                None => Lane::default(),
            }
        }
    };
}

macro_rules! answer {
    ($name:ident, $variant:ident, $value:ty, $blank:expr) => {
        /// A value a row; null where there is none.
        pub(crate) fn $name(
            &self,
            mut value: impl FnMut(usize) -> Result<Option<$value>, Failure>,
        ) -> Column<'a> {
            let mut values = Vec::with_capacity(self.is_live.len());
            let mut is_valid = Vec::with_capacity(self.is_live.len());
            for (row, is_live) in self.is_live.iter().enumerate() {
                let found = match is_live {
                    true => value(row).unwrap_or_else(|failure| self.fail(row, failure)),
                    false => None,
                };
                is_valid.push(found.is_some());
                values.push(found.unwrap_or($blank));
            }
            Column::new(Values::$variant(values), is_valid)
        }
    };
}

impl<'c, 'a> Call<'c, 'a> {
    argument!(bools, bool);
    argument!(ints, i64);
    argument!(floats, f64);
    argument!(numerics, Numeric);
    argument!(texts, &'a str);
    argument!(bytes, &'a [u8]);

    answer!(to_bools, Bool, bool, false);
    answer!(to_ints, Int, i64, 0);
    answer!(to_floats, Float, f64, 0.0);
    answer!(to_numerics, Numeric, Numeric, Numeric::default());
    answer!(to_views, Text, &'a str, "");
    answer!(to_byte_views, Bytes, &'a [u8], &[]);

    pub(crate) fn is_valid(&self, index: usize, row: usize) -> bool {
        self.arguments
            .get(index)
            .is_some_and(|column| column.has(row))
    }

    fn fail<T>(&self, row: usize, failure: Failure) -> Option<T> {
        self.failures.add(row, self.is_live.len(), failure);
        None
    }

    /// A text a row, appended to one buffer for all; null where `write` says false.
    pub(crate) fn to_texts_or_nulls(
        &self,
        mut write: impl FnMut(usize, &mut String) -> Result<bool, Failure>,
    ) -> Column<'a> {
        let rows = self.is_live.len();
        let mut buffer = String::with_capacity(rows * EXPECTED_BYTES);
        let (mut ends, mut is_valid) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
        for (row, is_live) in self.is_live.iter().enumerate() {
            let start = buffer.len();
            let is_text = *is_live
                && write(row, &mut buffer)
                    .unwrap_or_else(|failure| self.fail(row, failure).unwrap_or(false));
            if !is_text {
                buffer.truncate(start);
            }
            is_valid.push(is_text);
            ends.push(buffer.len());
        }
        let buffer = self.slot.text.get_or_init(|| buffer);
        let mut start = 0;
        let views = ends
            .iter()
            .map(|end| &buffer[std::mem::replace(&mut start, *end)..*end]);
        Column::new(Values::Text(views.collect()), is_valid)
    }

    /// A text a row.
    pub(crate) fn to_texts(
        &self,
        mut write: impl FnMut(usize, &mut String) -> Result<(), Failure>,
    ) -> Column<'a> {
        self.to_texts_or_nulls(|row, buffer| write(row, buffer).map(|()| true))
    }

    /// Bytes a row.
    pub(crate) fn to_bytes(
        &self,
        mut write: impl FnMut(usize, &mut Vec<u8>) -> Result<(), Failure>,
    ) -> Column<'a> {
        let rows = self.is_live.len();
        let mut buffer = Vec::with_capacity(rows * EXPECTED_BYTES);
        let (mut ends, mut is_valid) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
        for (row, is_live) in self.is_live.iter().enumerate() {
            let start = buffer.len();
            let is_written = *is_live
                && match write(row, &mut buffer) {
                    Ok(()) => true,
                    Err(failure) => self.fail(row, failure).unwrap_or(false),
                };
            if !is_written {
                buffer.truncate(start);
            }
            is_valid.push(is_written);
            ends.push(buffer.len());
        }
        let buffer = self.slot.bytes.get_or_init(|| buffer);
        let mut start = 0;
        let views = ends
            .iter()
            .map(|end| &buffer[std::mem::replace(&mut start, *end)..*end]);
        Column::new(Values::Bytes(views.collect()), is_valid)
    }
}

/// Bytes set aside for a text: that of a typical name or domain, as the SDK's columns do.
const EXPECTED_BYTES: usize = 16;
