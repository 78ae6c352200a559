//! The types of SQL that expressions have here.

use std::fmt;

/// A type of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Type {
    /// A quoted literal or null, whose type its place decides.
    Unknown,
    Boolean,
    Int4,
    Int8,
    Float8,
    Numeric,
    Text,
    Bytea,
    Date,
    Time,
    Timestamp,
    Timestamptz,
    /// Constants alone.
    Interval,
    Uuid,
    Jsonb,
    /// A path of `#>`: constants alone.
    TextArray,
    /// What functions take that take values of all types.
    Any,
}

/// How the types of one kind stand to each other: an expression of several of them is of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Category {
    Unknown,
    Boolean,
    Number,
    Text,
    Time,
    Interval,
    Other,
}

impl Type {
    /// The name as PostgreSQL writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Boolean => "boolean",
            Self::Int4 => "integer",
            Self::Int8 => "bigint",
            Self::Float8 => "double precision",
            Self::Numeric => "numeric",
            Self::Text => "text",
            Self::Bytea => "bytea",
            Self::Date => "date",
            Self::Time => "time without time zone",
            Self::Timestamp => "timestamp without time zone",
            Self::Timestamptz => "timestamp with time zone",
            Self::Interval => "interval",
            Self::Uuid => "uuid",
            Self::Jsonb => "jsonb",
            Self::TextArray => "text[]",
            Self::Any => "any",
        }
    }

    /// The short name, as people write it in a cast.
    pub fn short(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Timestamp => "timestamp",
            Self::Timestamptz => "timestamptz",
            other => other.name(),
        }
    }

    /// The type that is called so in a cast.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        Some(match name {
            "boolean" | "bool" => Self::Boolean,
            "integer" | "int" | "int4" => Self::Int4,
            "bigint" | "int8" => Self::Int8,
            "double precision" | "float8" | "float" => Self::Float8,
            "numeric" | "decimal" => Self::Numeric,
            "text" | "varchar" | "character varying" => Self::Text,
            "bytea" => Self::Bytea,
            "date" => Self::Date,
            "time" | "time without time zone" => Self::Time,
            "timestamp" | "timestamp without time zone" => Self::Timestamp,
            "timestamptz" | "timestamp with time zone" => Self::Timestamptz,
            "interval" => Self::Interval,
            "uuid" => Self::Uuid,
            "jsonb" => Self::Jsonb,
            _ => return None,
        })
    }

    /// The names by which a misspelt one is found.
    pub(crate) const NAMES: [&str; 23] = [
        "boolean",
        "bool",
        "integer",
        "int",
        "int4",
        "bigint",
        "int8",
        "double precision",
        "float8",
        "float",
        "numeric",
        "decimal",
        "text",
        "varchar",
        "bytea",
        "date",
        "time",
        "timestamp",
        "timestamptz",
        "timestamp with time zone",
        "interval",
        "uuid",
        "jsonb",
    ];

    pub(crate) fn category(self) -> Category {
        match self {
            Self::Unknown => Category::Unknown,
            Self::Boolean => Category::Boolean,
            Self::Int4 | Self::Int8 | Self::Float8 | Self::Numeric => Category::Number,
            Self::Text => Category::Text,
            Self::Date | Self::Time | Self::Timestamp | Self::Timestamptz => Category::Time,
            Self::Interval => Category::Interval,
            Self::Bytea | Self::Uuid | Self::Jsonb | Self::TextArray | Self::Any => Category::Other,
        }
    }

    /// Whether the type is the one of its kind that overloads prefer.
    pub(crate) fn is_preferred(self) -> bool {
        matches!(
            self,
            Self::Boolean | Self::Float8 | Self::Text | Self::Timestamptz | Self::Interval
        )
    }

    /// Whether a value becomes one of `to` without being asked.
    pub(crate) fn is_implicit_to(self, to: Self) -> bool {
        use Type::{
            Any, Date, Float8, Int4, Int8, Interval, Numeric, Time, Timestamp, Timestamptz,
        };
        self == to
            || to == Any
            || matches!(
                (self, to),
                (Int4, Int8 | Numeric | Float8)
                    | (Int8, Numeric | Float8)
                    | (Numeric, Float8)
                    | (Date, Timestamp | Timestamptz)
                    | (Timestamp, Timestamptz)
                    | (Time, Interval)
            )
    }

    /// The type of a column of this logical type, as `wit/transform.wit` names it.
    pub(crate) fn of_logical(logical: &str) -> Option<Self> {
        Some(match logical {
            "boolean" => Self::Boolean,
            "int64" => Self::Int8,
            "float64" => Self::Float8,
            "text" => Self::Text,
            "bytes" => Self::Bytea,
            "timestamp(us)" | "timestamp(ms)" => Self::Timestamptz,
            "date" => Self::Date,
            "time(us)" | "time(ms)" => Self::Time,
            "uuid" => Self::Uuid,
            "json" => Self::Jsonb,
            _ if logical == "decimal" || logical.starts_with("decimal(") => Self::Numeric,
            _ => return None,
        })
    }

    /// The logical type of a column of this type.
    pub(crate) fn logical(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Int4 | Self::Int8 => "int64",
            Self::Float8 => "float64",
            Self::Numeric => "decimal",
            Self::Bytea => "bytes",
            Self::Date => "date",
            Self::Time => "time(us)",
            Self::Timestamp | Self::Timestamptz => "timestamp(us)",
            Self::Uuid => "uuid",
            Self::Jsonb => "json",
            Self::Unknown | Self::Text | Self::Interval | Self::TextArray | Self::Any => "text",
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short())
    }
}
