//! What a plan says of one column.

use crate::value::Cell;

/// A column or a document path: its name, what it means, and whether it may be null.
///
/// ```
/// use gristmill_guest::Field;
///
/// let email = Field::text("value.after.email");
/// assert_eq!((email.logical_type.as_str(), email.nullable), ("text", true));
/// ```
pub use crate::wit::gristmill::transform::types::Field;

/// Fields by the name of their type.
macro_rules! of_type {
    ($($(#[$doc:meta])* $name:ident, $logical_type:literal;)*) => {$(
        $(#[$doc])*
        ///
        /// ```
        #[doc = concat!("let field = gristmill_guest::Field::", stringify!($name), "(\"name\");")]
        #[doc = concat!("assert_eq!(field.logical_type, \"", $logical_type, "\");")]
        /// ```
        pub fn $name(name: impl Into<String>) -> Self {
            Self::new(name, $logical_type)
        }
    )*};
}

impl Field {
    /// A nullable field. `logical_type` is one of boolean, int64, float64, text, bytes,
    /// timestamp(us), timestamp(ms), date, time(us), time(ms), uuid, decimal(p,s), decimal, json.
    ///
    /// ```
    /// # use gristmill_guest::Field;
    /// let from_config = Field::new("price", "decimal(10,2)");
    /// assert_eq!(from_config, Field::decimal("price", 10, 2));
    /// ```
    pub fn new(name: impl Into<String>, logical_type: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            logical_type: logical_type.into(),
            nullable: true,
        }
    }

    /// A field of the type that `C` stands for, nullable unless `C` is a plain value.
    ///
    /// ```
    /// # use gristmill_guest::{Field, TimestampMs};
    /// let updated_at = Field::of::<Option<TimestampMs>>("updated_at");
    /// assert_eq!(updated_at, Field::timestamp_ms("updated_at"));
    /// assert_eq!(Field::of::<i64>("id"), Field::int64("id").not_null());
    /// ```
    pub fn of<C: Cell>(name: impl Into<String>) -> Self {
        Self {
            nullable: C::NULLABLE,
            ..Self::new(name, C::logical_type())
        }
    }

    of_type! {
        /// A nullable field of type boolean.
        boolean, "boolean";
        /// A nullable field of type int64.
        int64, "int64";
        /// A nullable field of type float64.
        float64, "float64";
        /// A nullable field of type text.
        text, "text";
        /// A nullable field of type bytes.
        bytes, "bytes";
        /// Milliseconds since the Unix epoch, UTC.
        timestamp_ms, "timestamp(ms)";
        /// Microseconds since the Unix epoch, UTC.
        timestamp_us, "timestamp(us)";
        /// Days since the Unix epoch.
        date, "date";
        /// Microseconds since midnight.
        time_us, "time(us)";
        /// Milliseconds since midnight.
        time_ms, "time(ms)";
        /// A decimal number as text, of any precision and scale.
        numeric, "decimal";
        /// A UUID as text.
        uuid, "uuid";
        /// A JSON document as text.
        json, "json";
    }

    /// A decimal number as text, of at most `precision` digits with `scale` of them after the
    /// point.
    ///
    /// ```
    /// let price = gristmill_guest::Field::decimal("price", 10, 2);
    /// assert_eq!(price.logical_type, "decimal(10,2)");
    /// ```
    pub fn decimal(name: impl Into<String>, precision: u8, scale: u8) -> Self {
        Self::new(name, format!("decimal({precision},{scale})"))
    }

    /// This field, never null: in `writes` a promise that the host checks.
    ///
    /// ```
    /// let id = gristmill_guest::Field::int64("id").not_null();
    /// assert!(!id.nullable);
    /// ```
    pub fn not_null(self) -> Self {
        Self {
            nullable: false,
            ..self
        }
    }
}
