//! Values whose meaning is more than their layout: times, and texts of a certain form.

use std::borrow::Cow;

use serde::Deserialize;

use crate::layout::Text;
use crate::value::{Read, Value, Write};

/// Numbers with a meaning.
macro_rules! numbered {
    ($($(#[$doc:meta])* pub struct $name:ident: $logical_type:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);

        impl Value for $name {
            type Layout = Vec<i64>;

            fn logical_type() -> Cow<'static, str> {
                $logical_type.into()
            }
        }

        impl Read<'_> for $name {
            #[inline]
            fn read(value: i64) -> Self {
                Self(value)
            }
        }

        impl Write for $name {
            #[inline]
            fn write(&self) -> i64 {
                self.0
            }
        }
    )*};
}
numbered! {
    /// Microseconds since the Unix epoch, UTC: logical type `timestamp(us)`.
    ///
    /// ```
    /// use gristmill_guest::{Date, TimestampUs};
    /// assert_eq!(TimestampUs(86_400_000_000).date(), Date(1));
    /// ```
    pub struct TimestampUs: "timestamp(us)";
    /// Milliseconds since the Unix epoch, UTC: logical type `timestamp(ms)`.
    ///
    /// ```
    /// use gristmill_guest::{Date, TimestampMs};
    /// assert_eq!(TimestampMs(-1).date(), Date(-1));
    /// ```
    pub struct TimestampMs: "timestamp(ms)";
    /// Days since the Unix epoch: logical type `date`.
    ///
    /// ```
    /// use gristmill_guest::Date;
    /// assert_eq!(Date(0).iso_weekday(), 4, "1970 began on a Thursday");
    /// ```
    pub struct Date: "date";
    /// Microseconds since midnight, of no day and no zone: logical type `time(us)`.
    ///
    /// ```
    /// use gristmill_guest::TimeUs;
    /// let noon = TimeUs(12 * 3_600_000_000);
    /// assert!(noon < TimeUs(86_400_000_000), "24:00, which a time may be");
    /// ```
    pub struct TimeUs: "time(us)";
    /// Milliseconds since midnight, of no day and no zone: logical type `time(ms)`.
    ///
    /// ```
    /// use gristmill_guest::TimeMs;
    /// let noon = TimeMs(12 * 3_600_000);
    /// assert!(noon < TimeMs(86_400_000), "24:00, which a time may be");
    /// ```
    pub struct TimeMs: "time(ms)";
}

impl TimestampUs {
    /// The day in UTC.
    ///
    /// ```
    /// # use gristmill_guest::{Date, TimestampUs};
    /// assert_eq!(TimestampUs(1_726_531_200_000_000).date(), Date(19_983));
    /// ```
    pub fn date(self) -> Date {
        Date(self.0.div_euclid(86_400_000_000))
    }
}

impl TimestampMs {
    /// The day in UTC.
    ///
    /// ```
    /// # use gristmill_guest::{Date, TimestampMs};
    /// assert_eq!(TimestampMs(1_726_531_200_000).date(), Date(19_983));
    /// ```
    pub fn date(self) -> Date {
        Date(self.0.div_euclid(86_400_000))
    }
}

impl Date {
    /// ISO 8601: 1 is Monday, 7 is Sunday.
    ///
    /// ```
    /// # use gristmill_guest::Date;
    /// assert_eq!(Date(19_983).iso_weekday(), 2, "2024-09-17 was a Tuesday");
    /// ```
    pub fn iso_weekday(self) -> i64 {
        // The epoch's day is a Thursday. Reduced first: no date is too far.
        (self.0.rem_euclid(7) + 3) % 7 + 1
    }
}

/// Texts with a meaning, around whatever holds a text.
macro_rules! spelt {
    ($name:ident $(<$(const $param:ident),+>)?, $logical_type:expr) => {
        impl<T $($(, const $param: u8)+)?> Value for $name<T $($(, $param)+)?> {
            type Layout = Text;

            fn logical_type() -> Cow<'static, str> {
                $logical_type.into()
            }
        }

        impl<'a $($(, const $param: u8)+)?> Read<'a> for $name<&'a str $($(, $param)+)?> {
            #[inline]
            fn read(value: &'a str) -> Self {
                Self(value)
            }
        }

        impl<T: AsRef<str> $($(, const $param: u8)+)?> Write for $name<T $($(, $param)+)?> {
            #[inline]
            fn write(&self) -> &str {
                self.0.as_ref()
            }
        }
    };
}

/// A UUID as text: logical type `uuid`. Read as `Uuid<&str>`.
///
/// ```
/// use gristmill_guest::Uuid;
/// let id = Uuid("67e55044-10b1-426f-9247-bb680e5fe0c8");
/// assert_eq!(id.0.len(), 36);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Uuid<T>(pub T);
spelt!(Uuid, "uuid");

/// A decimal number as text, exact: `Decimal<&str, 10, 2>` is of logical type `decimal(10,2)`, with
/// at most ten digits, two of them after the point. Arithmetic is the rule's: with whole numbers of
/// the smallest unit, or a crate for decimals.
///
/// ```
/// use gristmill_guest::Decimal;
/// let price: Decimal<&str, 10, 2> = Decimal("19.90");
/// let (euros, cents) = price.0.split_once('.').unwrap();
/// assert_eq!((euros, cents), ("19", "90"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Decimal<T, const PRECISION: u8, const SCALE: u8>(pub T);
spelt!(Decimal<const PRECISION, const SCALE>, format!("decimal({PRECISION},{SCALE})"));

/// A decimal number as text, exact, of any precision and scale: logical type `decimal`.
///
/// ```
/// use gristmill_guest::Numeric;
/// let share = Numeric("0.333333333333333333333333333333");
/// assert!(share.0.starts_with("0."));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Numeric<T>(pub T);
spelt!(Numeric, "decimal");

/// A JSON document as text: logical type `json`. Read as `Json<&str>`.
///
/// ```
/// use gristmill_guest::Json;
/// let tags: Vec<&str> = Json(r#"["new", "paid"]"#).parse().unwrap();
/// assert_eq!(tags, ["new", "paid"]);
/// assert_eq!(Json::of(&tags).0, r#"["new","paid"]"#);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Json<T>(pub T);
spelt!(Json, "json");

impl<'a> Json<&'a str> {
    /// The document as a value: of a type of the rule's, or a [`serde_json::Value`].
    ///
    /// ```
    /// # use gristmill_guest::Json;
    /// #[derive(serde::Deserialize)]
    /// struct Address {
    ///     city: String,
    /// }
    ///
    /// let address: Address = Json(r#"{"city": "Pune", "zip": "411001"}"#).parse().unwrap();
    /// assert_eq!(address.city, "Pune");
    /// ```
    pub fn parse<V: Deserialize<'a>>(self) -> Result<V, serde_json::Error> {
        serde_json::from_str(self.0)
    }
}

impl Json<String> {
    /// The document of a value.
    ///
    /// ```
    /// # use gristmill_guest::Json;
    /// assert_eq!(Json::of(&[1, 2]).0, "[1,2]");
    /// ```
    pub fn of(value: &(impl serde::Serialize + ?Sized)) -> Self {
        Self(serde_json::to_string(value).expect("values of a rule are JSON: keys are texts"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_has_the_logical_type_that_the_host_knows() {
        assert_eq!(TimestampUs::logical_type(), "timestamp(us)");
        assert_eq!(Uuid::<&str>::logical_type(), "uuid");
        assert_eq!(Decimal::<&str, 10, 2>::logical_type(), "decimal(10,2)");
        assert_eq!(Numeric::<&str>::logical_type(), "decimal");
        assert_eq!(TimeMs::logical_type(), "time(ms)");
    }

    #[test]
    fn weeks_begin_on_monday_however_far_away() {
        let days = [-8, -4, -3, 3, 4, i64::MAX, i64::MIN];
        let weekdays = days.map(|day| Date(day).iso_weekday());
        assert_eq!(weekdays[..5], [3, 7, 1, 7, 1]);
        assert!(weekdays.iter().all(|day| (1..=7).contains(day)));
    }
}
