//! Rust types for the logical types of columns.
//!
//! | Logical type | Rust type |
//! |---|---|
//! | `boolean`, `int64`, `float64` | `bool`, `i64`, `f64` |
//! | `text` | `&str`; written also as `String` or `Cow<str>` |
//! | `bytes` | `&[u8]`; written also as `Vec<u8>` or `Cow<[u8]>` |
//! | `timestamp(us)`, `timestamp(ms)`, `date` | [`TimestampUs`], [`TimestampMs`], [`Date`] |
//! | `time(us)`, `time(ms)` | [`TimeUs`], [`TimeMs`] |
//! | `decimal` | [`Numeric<T>`] |
//! | `uuid`, `decimal(P,S)`, `json` | [`Uuid<T>`], [`Decimal<T, P, S>`], [`Json<T>`] |
//!
//! `T` is `&str`; a rule may also write `String` or `Cow<str>`.
//!
//! [`TimestampUs`]: crate::TimestampUs
//! [`TimestampMs`]: crate::TimestampMs
//! [`Date`]: crate::Date
//! [`TimeUs`]: crate::TimeUs
//! [`TimeMs`]: crate::TimeMs
//! [`Numeric<T>`]: crate::Numeric
//! [`Uuid<T>`]: crate::Uuid
//! [`Decimal<T, P, S>`]: crate::Decimal
//! [`Json<T>`]: crate::Json
//!
//! Around any of them stands an `Option` where a value may be null, or a
//! [`Presence`](crate::Presence) where null and absent differ:
//!
//! ```
//! # use gristmill_guest::{Field, Presence, testing::batch};
//! # use serde_json::json;
//! let users = batch([Field::int64("age")], &json!([{ "age": 36 }, { "age": null }, {}])).unwrap();
//! let ages: Vec<Option<i64>> = users.values("age").collect();
//! assert_eq!(ages, [Some(36), None, None]);
//! let ages: Vec<Presence<i64>> = users.values("age").collect();
//! assert_eq!(ages, [Presence::Value(36), Presence::Null, Presence::Absent]);
//! ```

use std::borrow::Cow;

use crate::any::InAny;
#[doc(hidden)]
pub use crate::cell::{Cell, ReadCell, WriteCell};
use crate::layout::{Bits, Bytes, Layout, Text};

/// A value, never null. A type of the rule's own may be one, too:
///
/// ```
/// use std::borrow::Cow;
///
/// use gristmill_guest::Text;
/// use gristmill_guest::value::{Read, Value, Write};
///
/// #[derive(Clone, Copy, Debug, PartialEq)]
/// enum Tariff { Free, Paid }
///
/// impl Value for Tariff {
///     type Layout = Text;
///
///     fn logical_type() -> Cow<'static, str> {
///         "text".into()
///     }
/// }
///
/// impl Read<'_> for Tariff {
///     fn read(value: &str) -> Self {
///         if value == "free" { Self::Free } else { Self::Paid }
///     }
/// }
///
/// impl Write for Tariff {
///     fn write(&self) -> &str {
///         match self {
///             Self::Free => "free",
///             Self::Paid => "paid",
///         }
///     }
/// }
///
/// assert_eq!(Tariff::read(Tariff::Free.write()), Tariff::Free);
/// ```
#[diagnostic::on_unimplemented(
    message = "a column cannot be of type `{Self}`",
    note = "use `bool`, `i64`, `f64`, `&str`, `&[u8]`, `TimestampMs`, .. or an `Option` of one: \
            `gristmill_guest::value` lists them"
)]
pub trait Value {
    /// How it crosses the sandbox.
    type Layout: InAny;

    /// What it means, as in [`Field::new`](crate::Field::new).
    fn logical_type() -> Cow<'static, str>;
}

/// A [`Value`] that a rule can read.
///
/// ```
/// use gristmill_guest::{TimestampMs, value::Read};
/// assert_eq!(TimestampMs::read(5), TimestampMs(5));
/// ```
pub trait Read<'a>: Value {
    /// Makes the value of what the column holds.
    fn read(value: <Self::Layout as Layout>::Value<'a>) -> Self;
}

/// A [`Value`] that a rule can write.
///
/// ```
/// use gristmill_guest::{TimestampMs, value::Write};
/// assert_eq!(TimestampMs(5).write(), 5);
/// ```
pub trait Write: Value {
    /// The value as the column holds it.
    fn write(&self) -> <Self::Layout as Layout>::Value<'_>;
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
