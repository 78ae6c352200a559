//! What a row has in a column: a value, or none.

use std::borrow::Cow;

use crate::any::InAny;
use crate::column::Column;
use crate::value::{Read, Value, Write};

/// What a row has in a column: a [`Value`], an `Option` of one (absent reads as null), or a
/// [`Presence`].
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the type of a column",
    note = "columns have the types bool, i64, f64, &str (String where they are written), &[u8], \
            TimestampMs, TimestampUs, Date, Uuid, Decimal and Json, or an Option of one"
)]
pub trait Cell {
    /// How it crosses the sandbox.
    type Layout: InAny;
    /// Whether the plan says that nulls may occur.
    const NULLABLE: bool;

    /// What it means.
    fn logical_type() -> Cow<'static, str>;
}

/// A [`Cell`] that a rule can read.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a column cannot be read as `{Self}`",
    note = "texts are read as `&'a str`, bytes as `&'a [u8]`: name the lifetime, `reads Input<'a> \
            {{ .. }}`"
)]
pub trait ReadCell<'a>: Cell {
    /// The cell of `column`, which is called `name`, at `row`.
    fn read_cell(column: &'a Column<Self::Layout>, row: usize, name: &str) -> Self;

    /// Whether the cell is absent and cannot say so to the rule.
    #[inline]
    fn is_untold(column: &Column<Self::Layout>, row: usize) -> bool {
        column.is_absent(row)
    }
}

/// A [`Cell`] that a rule can write.
#[doc(hidden)]
pub trait WriteCell: Cell {
    /// Appends itself to `column`.
    fn write_cell(&self, column: &mut Column<Self::Layout>);
}

/// A value that the source may not have stated. Absent is not null: what the target holds stays as
/// it is.
///
/// ```
/// use gristmill_guest::Presence;
///
/// let of_update = |email: Presence<&str>| match email {
///     Presence::Absent => "not changed".to_owned(),
///     Presence::Null => "removed".to_owned(),
///     Presence::Value(email) => format!("now {email}"),
/// };
/// assert_eq!(of_update(Presence::Absent), "not changed");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Presence<T> {
    /// The source did not say.
    #[default]
    Absent,
    /// The source said that there is none.
    Null,
    /// The source said it.
    Value(T),
}

impl<T> Presence<T> {
    /// The value; `None` when it is null or absent.
    ///
    /// ```
    /// # use gristmill_guest::Presence;
    /// assert_eq!(Presence::Value(7).value(), Some(7));
    /// assert_eq!(Presence::<i64>::Absent.value(), None);
    /// ```
    pub fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// Makes another value of the value; what is absent or null stays so.
    ///
    /// ```
    /// # use gristmill_guest::Presence;
    /// assert_eq!(Presence::Value("Ada").map(str::len), Presence::Value(3));
    /// assert_eq!(Presence::Absent.map(str::len), Presence::Absent);
    /// ```
    pub fn map<U>(self, of: impl FnOnce(T) -> U) -> Presence<U> {
        match self {
            Self::Absent => Presence::Absent,
            Self::Null => Presence::Null,
            Self::Value(value) => Presence::Value(of(value)),
        }
    }

    /// Whether the source did not say.
    ///
    /// ```
    /// # use gristmill_guest::Presence;
    /// assert!(Presence::<i64>::Absent.is_absent());
    /// assert!(!Presence::<i64>::Null.is_absent());
    /// ```
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

/// What is known: a value, or that there is none.
///
/// ```
/// # use gristmill_guest::Presence;
/// assert_eq!(Presence::from(None::<i64>), Presence::Null);
/// ```
impl<T> From<Option<T>> for Presence<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::Value)
    }
}

impl<T: Value> Cell for T {
    type Layout = T::Layout;
    const NULLABLE: bool = false;

    fn logical_type() -> Cow<'static, str> {
        T::logical_type()
    }
}

impl<'a, T: Read<'a>> ReadCell<'a> for T {
    #[inline]
    fn read_cell(column: &'a Column<T::Layout>, row: usize, name: &str) -> Self {
        match column.get(row) {
            Some(value) => T::read(value),
            None => panic!(
                "`{name}` is null in row {row}, and the rule reads it as never null: read it as an \
                 `Option`"
            ),
        }
    }
}

impl<T: Write> WriteCell for T {
    #[inline]
    fn write_cell(&self, column: &mut Column<T::Layout>) {
        column.push(Some(self.write()));
    }
}

impl<T: Value> Cell for Option<T> {
    type Layout = T::Layout;
    const NULLABLE: bool = true;

    fn logical_type() -> Cow<'static, str> {
        T::logical_type()
    }
}

impl<'a, T: Read<'a>> ReadCell<'a> for Option<T> {
    #[inline]
    fn read_cell(column: &'a Column<T::Layout>, row: usize, _: &str) -> Self {
        column.get(row).map(T::read)
    }
}

impl<T: Write> WriteCell for Option<T> {
    #[inline]
    fn write_cell(&self, column: &mut Column<T::Layout>) {
        column.push(self.as_ref().map(T::write));
    }
}

impl<T: Value> Cell for Presence<T> {
    type Layout = T::Layout;
    const NULLABLE: bool = true;

    fn logical_type() -> Cow<'static, str> {
        T::logical_type()
    }
}

impl<'a, T: Read<'a>> ReadCell<'a> for Presence<T> {
    #[inline]
    fn read_cell(column: &'a Column<T::Layout>, row: usize, _: &str) -> Self {
        match column.get(row) {
            Some(value) => Self::Value(T::read(value)),
            None if column.is_absent(row) => Self::Absent,
            None => Self::Null,
        }
    }

    #[inline]
    fn is_untold(_: &Column<T::Layout>, _: usize) -> bool {
        false
    }
}

impl<T: Write> WriteCell for Presence<T> {
    #[inline]
    fn write_cell(&self, column: &mut Column<T::Layout>) {
        match self {
            Self::Absent => column.push_absent(),
            Self::Null => column.push(None),
            Self::Value(value) => column.push(Some(value.write())),
        }
    }
}
