//! The rows that a rule is called with.

use std::rc::Rc;

use crate::any::AnyColumn;
use crate::column::Column;
use crate::layout::{Bits, Bytes, Layout, Text};
use crate::plan::Field;
use crate::wit::gristmill::transform::types::Batch as Wire;

/// Rows as columns: those that the plan reads, then those that its joins take.
///
/// Columns are asked for by the name in the plan. Asking for one that the plan does not declare, or for another type, is a mistake in the rule and panics.
#[derive(Debug)]
pub struct Batch {
    rows: usize,
    fields: Rc<[Field]>,
    columns: Vec<AnyColumn>,
}

/// The values of one column, in the order of the rows; `None` where null or absent.
pub struct Values<'a, L> {
    column: &'a Column<L>,
    row: usize,
}

impl Batch {
    pub(crate) fn new(rows: usize, fields: Rc<[Field]>, columns: Vec<AnyColumn>) -> Self {
        Self {
            rows,
            fields,
            columns,
        }
    }

    pub(crate) fn from_wire(wire: Wire, fields: Rc<[Field]>) -> Self {
        let rows = wire.rows as usize;
        let columns = wire
            .columns
            .into_iter()
            .map(|c| AnyColumn::from_wire(c, rows))
            .collect();
        Self {
            rows,
            fields,
            columns,
        }
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The column called `name`, whatever its layout.
    pub fn column(&self, name: &str) -> &AnyColumn {
        match self.fields.iter().position(|f| f.name == name) {
            Some(position) => &self.columns[position],
            None => panic!("the plan reads no column `{name}`"),
        }
    }

    /// A column of type text, uuid, decimal or json.
    pub fn text(&self, name: &str) -> &Column<Text> {
        match self.column(name) {
            AnyColumn::Text(column) => column,
            _ => self.mistyped(name, "text"),
        }
    }

    /// A column of type int64, timestamp or date, in the unit that the plan declares.
    pub fn int64(&self, name: &str) -> &Column<Vec<i64>> {
        match self.column(name) {
            AnyColumn::Int64(column) => column,
            _ => self.mistyped(name, "int64"),
        }
    }

    /// A column of type float64.
    pub fn float64(&self, name: &str) -> &Column<Vec<f64>> {
        match self.column(name) {
            AnyColumn::Float64(column) => column,
            _ => self.mistyped(name, "float64"),
        }
    }

    /// A column of type boolean.
    pub fn boolean(&self, name: &str) -> &Column<Bits> {
        match self.column(name) {
            AnyColumn::Boolean(column) => column,
            _ => self.mistyped(name, "boolean"),
        }
    }

    /// A column of type bytes.
    pub fn bytes(&self, name: &str) -> &Column<Bytes> {
        match self.column(name) {
            AnyColumn::Bytes(column) => column,
            _ => self.mistyped(name, "bytes"),
        }
    }

    fn mistyped(&self, name: &str, asked: &str) -> ! {
        let declared = self
            .fields
            .iter()
            .find(|f| f.name == name)
            .map(|f| &f.logical_type);
        panic!(
            "the plan reads `{name}` as {}, not as {asked}",
            declared.map_or("?", |d| d)
        );
    }
}

impl<'a, L: Layout> IntoIterator for &'a Column<L> {
    type Item = Option<L::Value<'a>>;
    type IntoIter = Values<'a, L>;

    fn into_iter(self) -> Values<'a, L> {
        Values {
            column: self,
            row: 0,
        }
    }
}

impl<'a, L: Layout> Iterator for Values<'a, L> {
    type Item = Option<L::Value<'a>>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let row = self.row;
        (row < self.column.len()).then(|| {
            self.row += 1;
            self.column.get(row)
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let rest = self.column.len() - self.row;
        (rest, Some(rest))
    }
}

impl<L: Layout> ExactSizeIterator for Values<'_, L> {}
