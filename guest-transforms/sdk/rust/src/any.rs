//! Columns of any layout, for rules whose columns the config names.

use crate::column::Column;
use crate::layout::{Bits, Bytes, Layout, Text};
use crate::wit::gristmill::transform::types::{Column as Wire, Values, Varlen};

/// A column of any layout, for rules whose columns the config names: what
/// [`Batch::column`](crate::Batch::column) gives.
///
/// ```
/// use gristmill_guest::{AnyColumn, Column, Text};
///
/// let names: AnyColumn = Column::<Text>::default().into();
/// assert!(matches!(names, AnyColumn::Text(_)));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum AnyColumn {
    /// Type boolean.
    Boolean(Column<Bits>),
    /// Types int64, timestamp and date.
    Int64(Column<Vec<i64>>),
    /// Type float64.
    Float64(Column<Vec<f64>>),
    /// Types text, uuid, decimal and json.
    Text(Column<Text>),
    /// Type bytes.
    Bytes(Column<Bytes>),
}

/// The source of a row of [`AnyColumn::gather`].
///
/// ```
/// let second_row_of_the_first = gristmill_guest::Pick { source: 0, row: 1 };
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pick {
    /// Which of the source columns.
    pub source: u32,
    /// Which of its rows.
    pub row: u32,
}

/// Runs `$body` for the column of whichever layout.
macro_rules! each_layout {
    ($any:expr, $column:ident => $body:expr) => {
        match $any {
            AnyColumn::Boolean($column) => $body,
            AnyColumn::Int64($column) => $body,
            AnyColumn::Float64($column) => $body,
            AnyColumn::Text($column) => $body,
            AnyColumn::Bytes($column) => $body,
        }
    };
}

impl AnyColumn {
    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        each_layout!(self, column => column.len())
    }

    /// Whether `row` holds no value: it is null or absent.
    ///
    /// ```
    /// # use gristmill_guest::{Field, testing::batch};
    /// # use serde_json::json;
    /// let rows = json!([{ "name": "Ada" }, { "name": null }, {}]);
    /// let users = batch([Field::text("name")], &rows).unwrap();
    /// assert_eq!([0, 1, 2].map(|row| users.column("name").is_null(row)), [false, true, true]);
    /// ```
    pub fn is_null(&self, row: usize) -> bool {
        each_layout!(self, column => column.get(row).is_none())
    }

    /// Whether the source did not say what the value at `row` is.
    ///
    /// ```
    /// # use gristmill_guest::{Field, testing::batch};
    /// # use serde_json::json;
    /// let rows = json!([{ "name": "Ada" }, { "name": null }, {}]);
    /// let users = batch([Field::text("name")], &rows).unwrap();
    /// assert_eq!([0, 1, 2].map(|row| users.column("name").is_absent(row)), [false, false, true]);
    /// ```
    pub fn is_absent(&self, row: usize) -> bool {
        each_layout!(self, column => column.is_absent(row))
    }

    /// The value at `row` for a message to a person; empty when there is none.
    ///
    /// ```
    /// # use gristmill_guest::{Field, testing::batch};
    /// # use serde_json::json;
    /// let users = batch([Field::int64("id")], &json!([{ "id": 7 }, { "id": null }])).unwrap();
    /// assert_eq!([0, 1].map(|row| users.column("id").to_text(row)), ["7", ""]);
    /// ```
    pub fn to_text(&self, row: usize) -> String {
        match self {
            Self::Boolean(c) => c.get(row).map(|v| v.to_string()),
            Self::Int64(c) => c.get(row).map(|v| v.to_string()),
            Self::Float64(c) => c.get(row).map(|v| v.to_string()),
            Self::Text(c) => c.get(row).map(str::to_owned),
            Self::Bytes(c) => c.get(row).map(|v| String::from_utf8_lossy(v).into_owned()),
        }
        .unwrap_or_default()
    }

    /// Whether `row` and row `other_row` of `other` hold the same value. Null equals nothing.
    ///
    /// ```
    /// # use gristmill_guest::{Field, testing::batch};
    /// # use serde_json::json;
    /// let fields = [Field::int64("before.id"), Field::int64("after.id")];
    /// let events = json!([
    ///     { "before": { "id": 1 }, "after": { "id": 1 } },
    ///     { "before": { "id": 1 }, "after": { "id": 2 } },
    /// ]);
    /// let events = batch(fields, &events).unwrap();
    /// let (before, after) = (events.column("before.id"), events.column("after.id"));
    /// assert_eq!([0, 1].map(|row| before.same_value(row, after, row)), [true, false]);
    /// ```
    pub fn same_value(&self, row: usize, other: &AnyColumn, other_row: usize) -> bool {
        fn same<L: Layout>(a: &Column<L>, row: usize, b: &Column<L>, other_row: usize) -> bool
        where
            for<'a> L::Value<'a>: PartialEq,
        {
            a.get(row)
                .is_some_and(|value| b.get(other_row) == Some(value))
        }
        match (self, other) {
            (Self::Boolean(a), Self::Boolean(b)) => same(a, row, b, other_row),
            (Self::Int64(a), Self::Int64(b)) => same(a, row, b, other_row),
            (Self::Float64(a), Self::Float64(b)) => same(a, row, b, other_row),
            (Self::Text(a), Self::Text(b)) => same(a, row, b, other_row),
            (Self::Bytes(a), Self::Bytes(b)) => same(a, row, b, other_row),
            _ => false,
        }
    }

    /// One column made of rows of several, all of one layout; nulls and absent values stay what
    /// they are, and a source that is not there is absent in each row. Panics when the layouts
    /// differ or there is no source.
    ///
    /// ```
    /// # use gristmill_guest::{AnyColumn, Field, Pick, testing::batch};
    /// # use serde_json::json;
    /// let fields = [Field::int64("before.id"), Field::int64("after.id")];
    /// let events = json!([{ "before": { "id": 1 }, "after": { "id": 2 } }]);
    /// let events = batch(fields, &events).unwrap();
    /// let images = [Some(events.column("before.id")), Some(events.column("after.id"))];
    /// let picks = [Pick { source: 1, row: 0 }, Pick { source: 0, row: 0 }];
    /// let ids = AnyColumn::gather(&images, &picks);
    /// assert_eq!([0, 1].map(|row| ids.to_text(row)), ["2", "1"]);
    /// ```
    pub fn gather(sources: &[Option<&AnyColumn>], picks: &[Pick]) -> AnyColumn {
        macro_rules! gathered {
            ($variant:ident) => {
                Self::$variant(gather(sources, picks, |any| match any {
                    Self::$variant(column) => column,
                    _ => panic!("columns of several types cannot be gathered into one"),
                }))
            };
        }
        match sources
            .iter()
            .flatten()
            .next()
            .expect("a column is gathered from at least one")
        {
            Self::Boolean(_) => gathered!(Boolean),
            Self::Int64(_) => gathered!(Int64),
            Self::Float64(_) => gathered!(Float64),
            Self::Text(_) => gathered!(Text),
            Self::Bytes(_) => gathered!(Bytes),
        }
    }

    /// A column as it came from the host. Its texts are checked here, once for the whole column.
    pub(crate) fn from_wire(wire: Wire, rows: usize) -> Self {
        let validity = wire.validity.map(|bytes| Bits::from_bytes(bytes, rows));
        let presence = wire.presence.map(|bytes| Bits::from_bytes(bytes, rows));
        macro_rules! column {
            ($variant:ident, $values:expr) => {
                Self::$variant(Column::from_parts($values, validity, presence))
            };
        }
        match wire.values {
            Values::Bits(bytes) => column!(Boolean, Bits::from_bytes(bytes, rows)),
            Values::Int64(values) => column!(Int64, values),
            Values::Float64(values) => column!(Float64, values),
            Values::Text(Varlen { offsets, data }) => {
                let data = String::from_utf8(data).expect("the host sends UTF-8");
                column!(Text, Text { offsets, data })
            }
            Values::Bytes(Varlen { offsets, data }) => column!(Bytes, Bytes { offsets, data }),
        }
    }

    pub(crate) fn into_wire(self) -> Wire {
        match self {
            Self::Boolean(c) => c.into_wire(|bits| Values::Bits(bits.into_bytes())),
            Self::Int64(c) => c.into_wire(Values::Int64),
            Self::Float64(c) => c.into_wire(Values::Float64),
            Self::Text(c) => c.into_wire(|text| {
                Values::Text(Varlen {
                    offsets: text.offsets,
                    data: text.data.into_bytes(),
                })
            }),
            Self::Bytes(c) => c.into_wire(|bytes| {
                Values::Bytes(Varlen {
                    offsets: bytes.offsets,
                    data: bytes.data,
                })
            }),
        }
    }
}

/// A layout that columns of any type know.
#[doc(hidden)]
pub trait InAny: Layout {
    /// The column in `any`, when it is of this layout.
    fn of_any(any: &AnyColumn) -> Option<&Column<Self>>;

    /// A column of this layout among those of any.
    fn into_any(column: Column<Self>) -> AnyColumn;
}

macro_rules! in_any {
    ($($layout:ty => $variant:ident),*) => {$(
        impl InAny for $layout {
            fn of_any(any: &AnyColumn) -> Option<&Column<Self>> {
                match any {
                    AnyColumn::$variant(column) => Some(column),
                    _ => None,
                }
            }

            fn into_any(column: Column<Self>) -> AnyColumn {
                AnyColumn::$variant(column)
            }
        }
    )*};
}
in_any!(Bits => Boolean, Vec<i64> => Int64, Vec<f64> => Float64, Text => Text, Bytes => Bytes);

impl<L: InAny> From<Column<L>> for AnyColumn {
    fn from(column: Column<L>) -> Self {
        L::into_any(column)
    }
}

fn gather<'a, L: Layout + 'a>(
    sources: &[Option<&'a AnyColumn>],
    picks: &[Pick],
    typed: impl Fn(&'a AnyColumn) -> &'a Column<L>,
) -> Column<L> {
    let sources: Vec<Option<&Column<L>>> = sources.iter().map(|s| s.map(&typed)).collect();
    let mut gathered = Column::with_capacity(picks.len());
    for pick in picks {
        match sources[pick.source as usize] {
            Some(source) => gathered.push_from(source, pick.row as usize),
            None => gathered.push_absent(),
        }
    }
    gathered
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::column::tests::mixed;

    #[test]
    fn the_wire_has_bits_for_nulls_only_when_there_are_any() {
        let mut column = Column::<Bits>::with_capacity(9);
        (0..9).for_each(|row| column.push(Some(row % 2 == 0)));
        let wire = AnyColumn::from(column).into_wire();
        assert!(wire.validity.is_none() && wire.presence.is_none());
        assert!(matches!(wire.values, Values::Bits(bits) if bits == [0b0101_0101, 1]));
        let wire = AnyColumn::from(mixed(9)).into_wire();
        assert_eq!(wire.validity, Some(vec![0b0100_1001, 0]));
        assert_eq!(wire.presence, Some(vec![0b1101_1011, 0]));
    }

    #[test]
    fn a_column_crosses_the_wire_unchanged() {
        let column = AnyColumn::from(mixed(20));
        assert_eq!(AnyColumn::from_wire(column.clone().into_wire(), 20), column);
    }

    #[test]
    fn gathering_keeps_nulls_and_absent_values() {
        let (a, b) = (AnyColumn::from(mixed(6)), AnyColumn::from(mixed(9)));
        let pick = |source, row| Pick { source, row };
        let picks = [pick(1, 8), pick(0, 3), pick(2, 0), pick(1, 1), pick(0, 3)];
        let gathered = AnyColumn::gather(&[Some(&a), Some(&b), None], &picks);
        let mut expected = Column::<Text>::default();
        expected.push_absent();
        expected.push(Some("ééé"));
        expected.push_absent();
        expected.push(None);
        expected.push(Some("ééé"));
        assert_eq!(gathered, expected.into());
    }

    #[test]
    fn null_equals_nothing() {
        let column = AnyColumn::from(mixed(8));
        assert!(column.same_value(0, &column, 0));
        assert!(!column.same_value(0, &column, 3));
        assert!(!column.same_value(1, &column, 1));
    }
}
