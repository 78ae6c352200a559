//! Rust types for the logical types of columns.
//!
//! | Logical type | Rust type |
//! |---|---|
//! | `boolean`, `int64`, `float64` | `bool`, `i64`, `f64` |
//! | `text` | `&str`; written also as `String` or `Cow<str>` |
//! | `bytes` | `&[u8]`; written also as `Vec<u8>` or `Cow<[u8]>` |
//! | `timestamp(us)`, `timestamp(ms)`, `date` | [`TimestampUs`](crate::TimestampUs), [`TimestampMs`](crate::TimestampMs), [`Date`](crate::Date) |
//! | `uuid`, `decimal(P,S)`, `json` | [`Uuid<&str>`](crate::Uuid), [`Decimal<&str, P, S>`](crate::Decimal), [`Json<&str>`](crate::Json); written also with `String` or `Cow<str>` |
//!
//! Around any of them stands an `Option` where a value may be null, or a [`Presence`] where null and absent differ.

use std::borrow::Cow;

use crate::column::Column;
use crate::layout::{Bits, Bytes, Layout, Text};

/// A value, never null.
#[diagnostic::on_unimplemented(
    message = "a column cannot be of type `{Self}`",
    note = "use `bool`, `i64`, `f64`, `&str`, `&[u8]`, `TimestampMs`, .. or an `Option` of one: `gristmill_guest::value` lists them"
)]
pub trait Value {
    /// How it crosses the sandbox.
    type Layout: Layout;

    /// What it means, as in [`Field::new`](crate::Field::new).
    fn logical_type() -> Cow<'static, str>;
}

/// A [`Value`] that a rule can read.
pub trait Read<'a>: Value {
    /// From what the column holds.
    fn read(value: <Self::Layout as Layout>::Value<'a>) -> Self;
}

/// A [`Value`] that a rule can write.
pub trait Write: Value {
    /// As the column holds it.
    fn write(&self) -> <Self::Layout as Layout>::Value<'_>;
}

/// What a row has in a column: a [`Value`], an `Option` of one (absent reads as null), or a [`Presence`].
pub trait Cell {
    /// How it crosses the sandbox.
    type Layout: Layout;
    /// Whether the plan says that nulls may occur.
    const NULLABLE: bool;

    /// What it means.
    fn logical_type() -> Cow<'static, str>;
}

/// A [`Cell`] that a rule can read.
#[diagnostic::on_unimplemented(
    message = "a column cannot be read as `{Self}`",
    note = "texts are read as `&'a str`, bytes as `&'a [u8]`: name the lifetime, `reads Input<'a> {{ .. }}`"
)]
pub trait ReadCell<'a>: Cell {
    /// The cell of `column` at `row`.
    fn read_cell(column: &'a Column<Self::Layout>, row: usize) -> Self;
}

/// A [`Cell`] that a rule can write.
pub trait WriteCell: Cell {
    /// Appends itself to `column`.
    fn write_cell(&self, column: &mut Column<Self::Layout>);
}

/// A value that the source may not have stated. Absent is not null: what the target holds stays as it is.
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
/// assert_eq!(Presence::Value(7).value(), Some(7));
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
    pub fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
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
    fn read_cell(column: &'a Column<T::Layout>, row: usize) -> Self {
        match column.get(row) {
            Some(value) => T::read(value),
            None => panic!("row {row} is null in a column that is read as never null"),
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
    fn read_cell(column: &'a Column<T::Layout>, row: usize) -> Self {
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
    fn read_cell(column: &'a Column<T::Layout>, row: usize) -> Self {
        match column.get(row) {
            Some(value) => Self::Value(T::read(value)),
            None if column.is_absent(row) => Self::Absent,
            None => Self::Null,
        }
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

/// Values that are as wide as what the column holds.
macro_rules! plain {
    ($($plain:ty, $layout:ty, $logical_type:literal;)*) => {$(
        impl Value for $plain {
            type Layout = $layout;

            fn logical_type() -> Cow<'static, str> {
                $logical_type.into()
            }
        }

        impl Read<'_> for $plain {
            #[inline]
            fn read(value: $plain) -> Self {
                value
            }
        }

        impl Write for $plain {
            #[inline]
            fn write(&self) -> $plain {
                *self
            }
        }
    )*};
}
plain! {
    bool, Bits, "boolean";
    i64, Vec<i64>, "int64";
    f64, Vec<f64>, "float64";
}

/// Values of varying length: read as a slice, written also as what owns one.
macro_rules! slices {
    ($slice:ty, $owned:ty, $layout:ty, $logical_type:literal) => {
        slices! { @write &$slice, $layout, $logical_type }
        slices! { @write $owned, $layout, $logical_type }
        slices! { @write Cow<'_, $slice>, $layout, $logical_type }

        impl<'a> Read<'a> for &'a $slice {
            #[inline]
            fn read(value: &'a $slice) -> Self {
                value
            }
        }
    };
    (@write $written:ty, $layout:ty, $logical_type:literal) => {
        impl Value for $written {
            type Layout = $layout;

            fn logical_type() -> Cow<'static, str> {
                $logical_type.into()
            }
        }

        impl Write for $written {
            #[inline]
            fn write(&self) -> <$layout as Layout>::Value<'_> {
                self
            }
        }
    };
}
slices! { str, String, Text, "text" }
slices! { [u8], Vec<u8>, Bytes, "bytes" }
