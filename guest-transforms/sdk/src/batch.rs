//! The rows that a rule is called with.

use std::rc::Rc;

use crate::any::AnyColumn;
use crate::column::Column;
use crate::layout::{Bits, Bytes, Layout, Text};
use crate::plan::Field;
use crate::row::ReadRow;
use crate::value::{Cell, ReadCell};
use crate::wit::gristmill::transform::types::Batch as Wire;

/// Rows as columns: those that the plan reads, then those that its joins take.
///
/// Columns are asked for by the name in the plan. Asking for one that the plan does not declare, or for another type, is a mistake in the rule and panics.
///
/// ```
/// # use gristmill_guest::{Batch, Column, Output, Text, TimestampMs};
/// fn apply(batch: &Batch) -> Output {
///     let mut labels = Column::<Text>::with_capacity(batch.len());
///     let times = batch.values::<Option<TimestampMs>>("updated_at");
///     for (name, time) in batch.text("name").into_iter().zip(times) {
///         let label = name.zip(time).map(|(name, time)| format!("{name} at {}", time.0));
///         labels.push(label.as_deref());
///     }
///     Output::new().column("label", labels)
/// }
/// ```
#[derive(Debug)]
pub struct Batch {
    rows: usize,
    fields: Rc<[Field]>,
    columns: Vec<AnyColumn>,
}

/// The values of one column, in the order of the rows; `None` where null or absent.
#[derive(Debug)]
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
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The rows, as the struct of what is read that [`transform!`](crate::transform) declares. Texts are borrowed from the batch.
    #[track_caller]
    pub fn rows<'a, R: ReadRow<'a>>(&'a self) -> impl ExactSizeIterator<Item = R> + use<'a, R> {
        let columns = R::columns(self);
        (0..self.rows).map(move |row| R::read_row(&columns, row))
    }

    /// The values of a column of any type: `batch.values::<Option<TimestampMs>>("updated_at")`. [`value`](crate::value) lists the types.
    #[track_caller]
    pub fn values<'a, C: ReadCell<'a>>(
        &'a self,
        name: &str,
    ) -> impl ExactSizeIterator<Item = C> + use<'a, C> {
        let column = self.typed::<C>(name);
        (0..self.rows).map(move |row| C::read_cell(column, row))
    }

    /// The column called `name`, whatever its layout.
    #[track_caller]
    pub fn column(&self, name: &str) -> &AnyColumn {
        &self.columns[self.position(name)]
    }

    /// A column of type text, uuid, decimal or json.
    #[track_caller]
    pub fn text(&self, name: &str) -> &Column<Text> {
        self.of_layout(name, "text")
    }

    /// A column of type int64, timestamp or date, in the unit that the plan declares.
    #[track_caller]
    pub fn int64(&self, name: &str) -> &Column<Vec<i64>> {
        self.of_layout(name, "int64")
    }

    /// A column of type float64.
    #[track_caller]
    pub fn float64(&self, name: &str) -> &Column<Vec<f64>> {
        self.of_layout(name, "float64")
    }

    /// A column of type boolean.
    #[track_caller]
    pub fn boolean(&self, name: &str) -> &Column<Bits> {
        self.of_layout(name, "boolean")
    }

    /// A column of type bytes.
    #[track_caller]
    pub fn bytes(&self, name: &str) -> &Column<Bytes> {
        self.of_layout(name, "bytes")
    }

    /// The column of these cells.
    #[doc(hidden)]
    #[track_caller]
    pub fn typed<C: Cell>(&self, name: &str) -> &Column<C::Layout> {
        let asked = C::logical_type();
        let declared = &self.fields[self.position(name)].logical_type;
        assert!(
            *declared == asked,
            "the plan reads `{name}` as {declared}, not as {asked}"
        );
        self.of_layout(name, &asked)
    }

    #[track_caller]
    fn of_layout<L: Layout>(&self, name: &str, asked: &str) -> &Column<L> {
        let position = self.position(name);
        match L::of_any(&self.columns[position]) {
            Some(column) => column,
            None => panic!(
                "the plan reads `{name}` as {}, not as {asked}",
                self.fields[position].logical_type
            ),
        }
    }

    #[track_caller]
    fn position(&self, name: &str) -> usize {
        match self.fields.iter().position(|f| f.name == name) {
            Some(position) => position,
            None => panic!("the plan reads no column `{name}`"),
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TimestampUs;

    fn batch() -> Batch {
        let mut times = Column::<Vec<i64>>::default();
        times.push(Some(7));
        times.push(None);
        Batch::new(2, [Field::timestamp_us("at")].into(), vec![times.into()])
    }

    #[test]
    fn values_have_the_type_that_was_asked_for() {
        let times: Vec<_> = batch().values::<Option<TimestampUs>>("at").collect();
        assert_eq!(times, [Some(TimestampUs(7)), None]);
    }

    #[test]
    #[should_panic(expected = "the plan reads `at` as timestamp(us), not as timestamp(ms)")]
    fn another_unit_is_refused() {
        let _ = batch().values::<Option<crate::TimestampMs>>("at").count();
    }

    #[test]
    #[should_panic(expected = "the plan reads `at` as timestamp(us), not as text")]
    fn another_layout_is_refused() {
        batch().text("at");
    }

    #[test]
    #[should_panic(expected = "the plan reads no column `when`")]
    fn another_name_is_refused() {
        batch().int64("when");
    }
}
