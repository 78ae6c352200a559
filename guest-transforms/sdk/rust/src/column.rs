//! Columns: values with nulls and presence. The same type is read and built.

use crate::layout::{Bits, Layout};
use crate::wit::gristmill::transform::types::{Column as Wire, Values};

/// Values of one field, a row each: `Column<Text>`, `Column<Vec<i64>>`, `Column<Vec<f64>>`,
/// `Column<Bits>`, `Column<Bytes>`.
///
/// ```
/// use gristmill_guest::{Column, Text};
///
/// let mut names = Column::<Text>::with_capacity(3);
/// names.push(Some("Ada"));
/// names.push(None);
/// names.push_absent();
/// assert_eq!(names.iter().collect::<Vec<_>>(), [Some("Ada"), None, None]);
/// assert!(!names.is_absent(1) && names.is_absent(2));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Column<L> {
    values: L,
    /// None until the first null.
    validity: Option<Bits>,
    /// None until the first absent value.
    presence: Option<Bits>,
}

impl<L: Layout> Column<L> {
    /// An empty column with room for `rows` values.
    ///
    /// ```
    /// let ages = gristmill_guest::Column::<Vec<i64>>::with_capacity(1_000);
    /// assert_eq!(ages.len(), 0);
    /// ```
    pub fn with_capacity(rows: usize) -> Self {
        Self {
            values: L::with_capacity(rows),
            validity: None,
            presence: None,
        }
    }

    /// Values that came with these bits for nulls and presence.
    pub(crate) fn from_parts(values: L, validity: Option<Bits>, presence: Option<Bits>) -> Self {
        Self {
            values,
            validity,
            presence,
        }
    }

    /// How many rows there are, those without a value among them.
    ///
    /// ```
    /// # use gristmill_guest::{Column, Text};
    /// let mut names = Column::<Text>::default();
    /// names.push(None);
    /// assert_eq!(names.len(), 1);
    /// ```
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is no row.
    ///
    /// ```
    /// # use gristmill_guest::{Column, Text};
    /// assert!(Column::<Text>::default().is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value at `row`; `None` when it is null or absent. `row` must be below [`Column::len`].
    ///
    /// ```
    /// # use gristmill_guest::{Bits, Column};
    /// let mut flags = Column::<Bits>::default();
    /// flags.push(Some(true));
    /// assert_eq!(flags.get(0), Some(true));
    /// ```
    #[inline]
    pub fn get(&self, row: usize) -> Option<L::Value<'_>> {
        match &self.validity {
            Some(validity) if !validity.get(row) => None,
            _ => Some(self.values.get(row)),
        }
    }

    /// Whether the source did not say what the value at `row` is (which is not null).
    ///
    /// ```
    /// # use gristmill_guest::{Column, Text};
    /// let mut names = Column::<Text>::default();
    /// names.push_absent();
    /// names.push(None);
    /// assert_eq!([0, 1].map(|row| names.is_absent(row)), [true, false]);
    /// ```
    #[inline]
    pub fn is_absent(&self, row: usize) -> bool {
        self.presence.as_ref().is_some_and(|p| !p.get(row))
    }

    /// The values in the order of the rows.
    ///
    /// ```
    /// # use gristmill_guest::Column;
    /// let mut ages = Column::<Vec<i64>>::default();
    /// ages.push(Some(36));
    /// ages.push(None);
    /// assert_eq!(ages.iter().flatten().sum::<i64>(), 36);
    /// ```
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Option<L::Value<'_>>> {
        (0..self.len()).map(|row| self.get(row))
    }

    /// Appends a value, or null.
    ///
    /// ```
    /// # use gristmill_guest::{Bytes, Column};
    /// let mut keys = Column::<Bytes>::default();
    /// keys.push(Some(b"a1"));
    /// assert_eq!(keys.get(0), Some(&b"a1"[..]));
    /// ```
    #[inline]
    pub fn push(&mut self, value: Option<L::Value<'_>>) {
        match value {
            Some(value) => {
                if let Some(validity) = &mut self.validity {
                    validity.push(true);
                }
                self.values.push(value);
            }
            None => {
                let rows = self.values.len();
                self.validity
                    .get_or_insert_with(|| Bits::ones(rows))
                    .push(false);
                self.values.push_blank();
            }
        }
        if let Some(presence) = &mut self.presence {
            presence.push(true);
        }
    }

    /// Appends a value that the source did not say: what is stored in the target stays.
    ///
    /// ```
    /// # use gristmill_guest::{Column, Text};
    /// let mut names = Column::<Text>::default();
    /// names.push_absent();
    /// assert_eq!(names.get(0), None);
    /// ```
    pub fn push_absent(&mut self) {
        let rows = self.values.len();
        self.presence
            .get_or_insert_with(|| Bits::ones(rows))
            .push(false);
        self.validity
            .get_or_insert_with(|| Bits::ones(rows))
            .push(false);
        self.values.push_blank();
    }

    /// Appends what `source` has at `row`: value, null or absent.
    #[inline]
    pub(crate) fn push_from(&mut self, source: &Self, row: usize) {
        if source.is_absent(row) {
            self.push_absent();
        } else {
            self.push(source.get(row));
        }
    }

    /// `values` says which of the wire's layouts it is.
    pub(crate) fn into_wire(self, values: impl FnOnce(L) -> Values) -> Wire {
        Wire {
            validity: self.validity.map(Bits::into_bytes),
            presence: self.presence.map(Bits::into_bytes),
            values: values(self.values),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::layout::Text;

    /// Value, null, absent, over and over, past the ends of several bitmap bytes.
    pub(crate) fn mixed(rows: usize) -> Column<Text> {
        let mut column = Column::with_capacity(rows);
        for row in 0..rows {
            match row % 3 {
                0 => column.push(Some("é".repeat(row % 5).as_str())),
                1 => column.push(None),
                _ => column.push_absent(),
            }
        }
        column
    }

    #[test]
    fn values_nulls_and_absent_values_come_back() {
        for rows in [0, 1, 2, 3, 7, 8, 9, 64, 65] {
            let column = mixed(rows);
            assert_eq!(column.len(), rows);
            for row in 0..rows {
                let value = "é".repeat(row % 5);
                assert_eq!(
                    column.get(row),
                    (row % 3 == 0).then_some(value.as_str()),
                    "row {row}"
                );
                assert_eq!(column.is_absent(row), row % 3 == 2, "row {row}");
            }
        }
    }
}
