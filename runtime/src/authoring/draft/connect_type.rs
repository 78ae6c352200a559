//! Kafka Connect's types as Postgres'.

use super::json_node::JsonNode;
use super::source_table::SourceColumn;

/// The column of a field of a Connect schema.
pub(super) fn column(field: &JsonNode) -> Option<SourceColumn> {
    let name = field.text_of("field")?;
    let (type_name, note) = match (field.text_of("name"), field.text_of("type")?) {
        (Some(semantic), physical) => named(field, semantic, physical),
        (None, "array") => array(field),
        (None, physical) => plain(physical),
    };
    let mut column = SourceColumn::certain(name, type_name);
    column.note = note.map(str::to_owned);
    Some(column)
}

type Found = (String, Option<&'static str>);

fn certain(type_name: &str) -> Found {
    (type_name.to_owned(), None)
}

fn plain(physical: &str) -> Found {
    certain(match physical {
        "int8" | "int16" => "smallint",
        "int32" => "integer",
        "int64" => "bigint",
        "float" | "float32" => "real",
        "double" | "float64" => "double precision",
        "boolean" => "boolean",
        "string" => "text",
        "bytes" => "bytea",
        _ => "jsonb",
    })
}

fn array(field: &JsonNode) -> Found {
    let item = field.get("items");
    let of = item.and_then(|item| match item.text_of("name") {
        Some(semantic) => Some(named(item, semantic, item.text_of("type")?)),
        None => Some(plain(item.text_of("type")?)),
    });
    match of {
        Some((of, note)) => (format!("{of}[]"), note),
        None => ("text[]".to_owned(), Some("the items' type is not known")),
    }
}

/// A type that has a name: Debezium's, and Connect's own.
fn named(field: &JsonNode, semantic: &str, physical: &str) -> Found {
    // They become SQL: whoever writes to the topic must not write more than numbers.
    let is_number = |text: &&str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let parameter = |name: &str| {
        let found = field.get("parameters").and_then(|all| all.text_of(name));
        found.filter(is_number)
    };
    match semantic.rsplit_once('.').map_or(semantic, |(_, last)| last) {
        "Date" | "IsoDate" => certain("date"),
        "Time" => certain("time(3)"),
        "MicroTime" | "NanoTime" | "IsoTime" => certain("time"),
        "ZonedTime" => certain("timetz"),
        "Timestamp" => certain("timestamp(3)"),
        "MicroTimestamp" | "NanoTimestamp" | "IsoTimestamp" => certain("timestamp"),
        "ZonedTimestamp" => certain("timestamptz"),
        "Interval" => certain("interval"),
        "MicroDuration" | "NanoDuration" => (
            "interval".to_owned(),
            Some(
                "as a number, which counts a month as 30.4 days: interval.handling.mode = string \
                 in the connector writes it whole",
            ),
        ),
        "Json" => (
            "jsonb".to_owned(),
            Some("json, jsonb or hstore in the source"),
        ),
        "Xml" => certain("xml"),
        "Uuid" => certain("uuid"),
        "Ltree" => ("text".to_owned(), Some("ltree in the source")),
        "Enum" => ("text".to_owned(), Some("an enum in the source")),
        "Bits" => certain(&format!("bit({})", parameter("length").unwrap_or("1"))),
        "VariableScaleDecimal" => certain("numeric"),
        "Decimal" => certain(&decimal(
            parameter("connect.decimal.precision"),
            parameter("scale"),
        )),
        "Point" => certain("point"),
        "Geometry" | "Geography" => (
            "jsonb".to_owned(),
            Some("a geometry, as an object with its bytes"),
        ),
        "DoubleVector" => (
            "double precision[]".to_owned(),
            Some("a vector in the source"),
        ),
        "FloatVector" => ("real[]".to_owned(), Some("a vector in the source")),
        _ => plain(physical),
    }
}

fn decimal(precision: Option<&str>, scale: Option<&str>) -> String {
    match (precision, scale) {
        (Some(precision), Some(scale)) => format!("numeric({precision},{scale})"),
        // The most digits that are read as a number of a fixed scale.
        (None, Some(scale)) => format!("numeric(38,{scale})"),
        _ => "numeric".to_owned(),
    }
}
