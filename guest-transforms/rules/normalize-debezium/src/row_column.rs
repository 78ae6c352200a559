//! A column of a row: what the events call it, and how Debezium sends its type.

use gristmill_guest::{AnyColumn, Column, Text};

use crate::interval::interval;
use crate::spelling;

/// A column of a row.
#[derive(Debug)]
pub(crate) struct RowColumn {
    /// As the target calls it.
    pub(crate) name: String,
    /// As the events call it.
    pub(crate) source: String,
    pub(crate) is_key: bool,
    /// The logical type as which it is read.
    pub(crate) read: String,
    /// The logical type as which it is written.
    pub(crate) write: String,
    spelling: Spelling,
}

/// What must be done to a value for Postgres to read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spelling {
    /// Nothing.
    AsItIs,
    /// A truth value is one bit in text.
    Bit,
    /// Base64 of bytes, the last one first, is as many bits in text.
    Bits(usize),
    /// An object with `x` and `y` is `(x,y)`.
    Point,
    /// An object of texts is `"name"=>"text"`.
    Hstore,
    /// A number of microseconds is `HOURS:MM:SS.microseconds`; text is what Postgres reads.
    Interval,
}

/// Postgres' types that Debezium sends as text, or gives a text form that Postgres reads. The rest
/// of those that it sends stands in [`of_postgres`].
const AS_TEXT: [&str; 37] = [
    "text",
    "character varying",
    "varchar",
    "character",
    "char",
    "bpchar",
    "name",
    "citext",
    "xml",
    "time with time zone",
    "timetz",
    "inet",
    "cidr",
    "macaddr",
    "macaddr8",
    "int4range",
    "int8range",
    "numrange",
    "tsrange",
    "tstzrange",
    "daterange",
    "int4multirange",
    "int8multirange",
    "nummultirange",
    "tsmultirange",
    "tstzmultirange",
    "datemultirange",
    "ltree",
    "lquery",
    "ltxtquery",
    "isbn",
    "isbn13",
    "issn",
    "ean13",
    "upc",
    "tsvector",
    "\"char\"",
];

impl RowColumn {
    /// A column of the declared type; an error names it.
    pub(crate) fn new(
        name: String,
        source: String,
        declared: &str,
        is_key: bool,
    ) -> Result<Self, String> {
        let (read, mut write, spelling) = types(declared).ok_or_else(|| {
            format!(
                "Debezium does not send the type `{declared}` of column `{name}` whole: leave the \
                 column out by `columns_except`, or declare another type"
            )
        })?;
        if is_key && write == "json" {
            if read == "json" {
                return Err(format!(
                    "`key` names `{name}` of type `{declared}`, of which a value has no one form: \
                     name by `key` other columns that tell rows apart, and for which the target \
                     has a unique index"
                ));
            }
            // Postgres has put it in one form.
            write = "text".to_owned();
        }
        Ok(Self {
            name,
            source,
            is_key,
            read,
            write,
            spelling,
        })
    }

    /// The values as Postgres reads them.
    pub(crate) fn spelt(&self, column: AnyColumn) -> AnyColumn {
        match (self.spelling, column) {
            (Spelling::Bit, AnyColumn::Boolean(c)) => {
                let bit = |is_set, text: &mut String| text.push(if is_set { '1' } else { '0' });
                texts(c.iter(), |row| c.is_absent(row), bit)
            }
            (Spelling::Bits(n), AnyColumn::Text(c)) => {
                let bits = |found: &str, text: &mut String| spelling::bits(found, n, text);
                texts(c.iter(), |row| c.is_absent(row), bits)
            }
            (Spelling::Point, AnyColumn::Text(c)) => {
                texts(c.iter(), |row| c.is_absent(row), spelling::point)
            }
            (Spelling::Hstore, AnyColumn::Text(c)) => {
                texts(c.iter(), |row| c.is_absent(row), spelling::hstore)
            }
            (Spelling::Interval, AnyColumn::Text(c)) => {
                texts(c.iter(), |row| c.is_absent(row), interval)
            }
            (_, column) => column,
        }
    }
}

/// The text of each value, as `spell` appends it; what is null or absent stays so.
fn texts<T>(
    values: impl Iterator<Item = Option<T>>,
    is_absent: impl Fn(usize) -> bool,
    spell: impl Fn(T, &mut String),
) -> AnyColumn {
    let mut column = Column::<Text>::default();
    let mut text = String::new();
    for (row, value) in values.enumerate() {
        match value {
            _ if is_absent(row) => column.push_absent(),
            None => column.push(None),
            Some(value) => {
                text.clear();
                spell(value, &mut text);
                column.push(Some(&text));
            }
        }
    }
    column.into()
}

/// The type as which a declared one is read, the one as which it is written, and the spelling.
fn types(declared: &str) -> Option<(String, String, Spelling)> {
    let declared = declared.trim().to_ascii_lowercase();
    let as_it_is = |name: &str| Some((name.to_owned(), name.to_owned(), Spelling::AsItIs));
    if declared.ends_with("[]") || declared == "array" {
        return as_it_is("json");
    }
    if is_logical(&declared) {
        return as_it_is(&declared);
    }
    let (name, modifier) = parts(&declared);
    let written_as_text =
        |read: &str, spelling| Some((read.to_owned(), "text".to_owned(), spelling));
    match (name.as_str(), modifier) {
        ("json" | "jsonb", _) => Some(("text".into(), "json".into(), Spelling::AsItIs)),
        // An object, or text that holds it, as `hstore.handling.mode` says.
        ("hstore", _) => written_as_text("json", Spelling::Hstore),
        ("point", _) => written_as_text("json", Spelling::Point),
        // In text or, by default, as a number: which, no declared type says.
        (name, _) if name == "interval" || name.starts_with("interval ") => {
            written_as_text("json", Spelling::Interval)
        }
        ("vector" | "halfvec", _) => written_as_text("json", Spelling::AsItIs),
        ("bit", None | Some("1")) => written_as_text("boolean", Spelling::Bit),
        // Base64 whatever `binary.handling.mode` says; under a schema the host spells the bits.
        ("bit", Some(n)) => written_as_text("text", Spelling::Bits(n.parse().ok()?)),
        (name, modifier) => as_it_is(&of_postgres(name, modifier)?),
    }
}

/// Whether the name is one of gristmill's own, and not one of Postgres' that is sent another way.
fn is_logical(declared: &str) -> bool {
    let names = [
        "boolean",
        "int64",
        "float64",
        "text",
        "bytes",
        "timestamp(us)",
        "timestamp(ms)",
        "time(us)",
        "time(ms)",
        "date",
        "uuid",
        "decimal",
    ];
    names.contains(&declared) || declared.starts_with("decimal(")
}

/// The logical type of values of one of Postgres' types.
fn of_postgres(name: &str, modifier: Option<&str>) -> Option<String> {
    // Debezium sends milliseconds where Postgres keeps no more.
    let unit = match modifier.map(str::parse::<u8>) {
        Some(Ok(0..=3)) => "ms",
        _ => "us",
    };
    Some(match name {
        "smallint" | "integer" | "bigint" | "int" | "int2" | "int4" | "int8" | "oid"
        | "smallserial" | "serial" | "bigserial" => "int64".into(),
        "real" | "double precision" | "float4" | "float8" => "float64".into(),
        "bool" => "boolean".into(),
        "bytea" => "bytes".into(),
        "numeric" => return numeric(modifier),
        // The digits that Debezium's `money.fraction.digits` gives it.
        "money" => "decimal(19,2)".into(),
        "timestamp with time zone" | "timestamptz" => "timestamp(us)".into(),
        "timestamp" | "timestamp without time zone" => format!("timestamp({unit})"),
        "time" | "time without time zone" => format!("time({unit})"),
        name if AS_TEXT.contains(&name) => "text".into(),
        _ => return None,
    })
}

/// The logical type of a `numeric`: none of a negative scale. It has at most 255 digits; a value
/// with more becomes a dead letter.
fn numeric(modifier: Option<&str>) -> Option<String> {
    let Some(modifier) = modifier else {
        return Some("decimal".to_owned());
    };
    let (precision, scale) = modifier.split_once(',').unwrap_or((modifier, "0"));
    let precision: u16 = precision.trim().parse().ok()?;
    let scale: u8 = scale.trim().parse().ok()?;
    let digits = precision.max(scale.into()).min(u8::MAX.into());
    Some(format!("decimal({digits},{scale})"))
}

/// A type's name, and what stands in the brackets behind its first word.
fn parts(declared: &str) -> (String, Option<&str>) {
    let Some((before, rest)) = declared.split_once('(') else {
        return (declared.to_owned(), None);
    };
    let (modifier, after) = rest.split_once(')').unwrap_or((rest, ""));
    (format!("{before}{after}"), Some(modifier.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(declared: &str) -> Option<String> {
        let (read, write, _) = types(declared)?;
        Some(match read == write {
            true => read,
            false => format!("{read} {write}"),
        })
    }

    #[test]
    fn a_key_is_of_a_type_of_which_a_value_has_one_form() {
        let key = |declared: &str| RowColumn::new("k".into(), "k".into(), declared, true);
        for (declared, write) in [
            ("numeric(10,2)", "decimal(10,2)"),
            ("double precision", "float64"),
            ("jsonb", "text"),
            ("interval", "text"),
            ("inet", "text"),
            ("bytea", "bytes"),
        ] {
            assert_eq!(key(declared).unwrap().write, write, "{declared}");
        }
        let refused = key("text[]").unwrap_err();
        assert!(refused.contains("a value has no one form"), "{refused}");
        assert_eq!(
            RowColumn::new("k".into(), "k".into(), "jsonb", false)
                .unwrap()
                .write,
            "json"
        );
    }

    #[test]
    fn each_type_is_read_as_debezium_sends_it() {
        for (declared, found) in [
            ("bigint", "int64"),
            ("int64", "int64"),
            ("numeric(12,2)", "decimal(12,2)"),
            ("numeric(6)", "decimal(6,0)"),
            ("numeric", "decimal"),
            ("numeric(3,5)", "decimal(5,5)"),
            ("numeric(1000,10)", "decimal(255,10)"),
            ("money", "decimal(19,2)"),
            ("double precision", "float64"),
            ("boolean", "boolean"),
            ("timestamp without time zone", "timestamp(us)"),
            ("timestamp(3) without time zone", "timestamp(ms)"),
            ("timestamp(6)", "timestamp(us)"),
            ("timestamp(ms)", "timestamp(ms)"),
            ("timestamp(3) with time zone", "timestamp(us)"),
            ("time(0) without time zone", "time(ms)"),
            ("time(us)", "time(us)"),
            ("time with time zone", "text"),
            ("time(3) with time zone", "text"),
            ("character varying(40)", "text"),
            ("character(5)", "text"),
            ("interval", "json text"),
            ("interval year to month", "json text"),
            ("bytea", "bytes"),
            ("jsonb", "text json"),
            ("text[]", "json"),
            ("character varying(3)[]", "json"),
            ("bit", "boolean text"),
            ("bit(1)", "boolean text"),
            ("bit(12)", "text"),
            ("point", "json text"),
            ("hstore", "json text"),
            ("vector(3)", "json text"),
            ("uuid", "uuid"),
            ("date", "date"),
        ] {
            assert_eq!(of(declared).as_deref(), Some(found), "{declared}");
        }
        for declared in [
            "bit varying(5)",
            "pg_lsn",
            "circle",
            "int65",
            "bit(x)",
            "numeric(5,-2)",
        ] {
            assert_eq!(of(declared), None, "{declared}");
        }
    }
}
