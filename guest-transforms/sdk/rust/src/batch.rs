//! The rows that a rule is called with.

use std::rc::Rc;

use crate::any::{AnyColumn, InAny};
use crate::column::Column;
use crate::field::Field;
use crate::layout::{Bits, Bytes, Text};
use crate::value::{Cell, ReadCell};
use crate::wit::gristmill::transform::types::Batch as Wire;

/// Rows as columns: those that the plan reads, then those that its joins take.
///
/// Columns are asked for by the name in the plan. Asking for one that the plan does not declare, or
/// for another type, is a mistake in the rule and panics.
///
/// ```
/// # use gristmill_guest::{Batch, Column, Output, Text, TimestampMs};
/// fn apply(batch: &Batch) -> Output {
///     let mut labels = Column::<Text>::with_capacity(batch.len());
///     let times = batch.values::<Option<TimestampMs>>("updated_at");
///     for (name, time) in batch.text("name").iter().zip(times) {
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
    ///
    /// ```
    /// # use gristmill_guest::{Field, testing::batch};
    /// # use serde_json::json;
    /// let batch = batch([Field::text("name")], &json!([{ "name": "Ada" }, {}])).unwrap();
    /// assert_eq!(batch.len(), 2);
    /// ```
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether the source did not say a value at `row`, of whichever column.
    ///
    /// ```
    /// # use gristmill_guest::{Field, testing::batch};
    /// # use serde_json::json;
    /// let users = json!([{ "name": "Ada" }, { "name": null }, {}]);
    /// let users = batch([Field::text("name")], &users).unwrap();
    /// assert_eq!([0, 1, 2].map(|row| users.has_absent(row)), [false, false, true]);
    /// ```
    pub fn has_absent(&self, row: usize) -> bool {
        self.columns.iter().any(|column| column.is_absent(row))
    }

    /// Whether there is no row.
    ///
    /// ```
    /// # use gristmill_guest::{Field, testing::batch};
    /// # use serde_json::json;
    /// let batch = batch([Field::text("name")], &json!([])).unwrap();
    /// assert!(batch.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The values of a column of any type; [`value`](crate::value) lists the types.
    ///
    /// ```
    /// # use gristmill_guest::{Field, TimestampMs, testing::batch};
    /// # use serde_json::json;
    /// let rows = json!([{ "at": 5 }, { "at": null }]);
    /// let batch = batch([Field::timestamp_ms("at")], &rows).unwrap();
    /// let times: Vec<_> = batch.values::<Option<TimestampMs>>("at").collect();
    /// assert_eq!(times, [Some(TimestampMs(5)), None]);
    /// ```
    #[track_caller]
    pub fn values<'a, C: ReadCell<'a>>(
        &'a self,
        name: &str,
    ) -> impl ExactSizeIterator<Item = C> + use<'a, C> {
        let (column, name) = (self.typed::<C>(name), name.to_owned());
        (0..self.rows).map(move |row| C::read_cell(column, row, &name))
    }

    /// The column called `name`, whatever its layout.
    ///
    /// ```
    /// # use gristmill_guest::{Field, testing::batch};
    /// # use serde_json::json;
    /// let batch = batch([Field::text("name")], &json!([{ "name": "Ada" }])).unwrap();
    /// assert_eq!(batch.column("name").to_text(0), "Ada");
    /// ```
    #[track_caller]
    pub fn column(&self, name: &str) -> &AnyColumn {
        &self.columns[self.position(name)]
    }

    /// A column of type text, uuid, decimal or json.
    ///
    /// ```
    /// # use gristmill_guest::{Field, testing::batch};
    /// # use serde_json::json;
    /// let batch = batch([Field::text("name")], &json!([{ "name": "Ada" }])).unwrap();
    /// assert_eq!(batch.text("name").get(0), Some("Ada"));
    /// ```
    #[track_caller]
    pub fn text(&self, name: &str) -> &Column<Text> {
        self.of_layout(name, "text")
    }

    /// A column of type int64, timestamp or date, in the unit that the plan declares.
    ///
    /// ```
    /// # use gristmill_guest::{Field, testing::batch};
    /// # use serde_json::json;
    /// let batch = batch([Field::date("born")], &json!([{ "born": -1 }])).unwrap();
    /// assert_eq!(batch.int64("born").get(0), Some(-1));
    /// ```
    #[track_caller]
    pub fn int64(&self, name: &str) -> &Column<Vec<i64>> {
        self.of_layout(name, "int64")
    }

    /// A column of type float64.
    ///
    /// ```
    /// # use gristmill_guest::{Field, testing::batch};
    /// # use serde_json::json;
    /// let batch = batch([Field::float64("celsius")], &json!([{ "celsius": 21.5 }])).unwrap();
    /// assert_eq!(batch.float64("celsius").get(0), Some(21.5));
    /// ```
    #[track_caller]
    pub fn float64(&self, name: &str) -> &Column<Vec<f64>> {
        self.of_layout(name, "float64")
    }

    /// A column of type boolean.
    ///
    /// ```
    /// # use gristmill_guest::{Field, testing::batch};
    /// # use serde_json::json;
    /// let batch = batch([Field::boolean("is_new")], &json!([{ "is_new": true }])).unwrap();
    /// assert_eq!(batch.boolean("is_new").get(0), Some(true));
    /// ```
    #[track_caller]
    pub fn boolean(&self, name: &str) -> &Column<Bits> {
        self.of_layout(name, "boolean")
    }

    /// A column of type bytes.
    ///
    /// ```
    /// # use gristmill_guest::{Field, testing::batch};
    /// # use serde_json::json;
    /// let batch = batch([Field::bytes("key")], &json!([{ "key": "a1" }])).unwrap();
    /// assert_eq!(batch.bytes("key").get(0), Some(&b"a1"[..]));
    /// ```
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
    fn of_layout<L: InAny>(&self, name: &str, asked: &str) -> &Column<L> {
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
