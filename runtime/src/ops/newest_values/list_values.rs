//! The lists at one path, against the arrays that they are written to.

use gristmill_core::column::{Field, LogicalType};
use gristmill_core::decode::{Elements, JsonForms, Unit};
use gristmill_postgres::wire::column_form::{declared_elements, list_fault};
use serde_json::Value;

use super::newest_document::NewestDocument;
use super::read_values::{ReadValues, quoted, sent};

/// The lists that the newest records have at a path, of records without a schema.
pub(super) struct ListValues<'a> {
    name: &'a str,
    /// The array type that they are written to.
    declared: &'a str,
    lists: Vec<&'a Value>,
}

impl<'a> ListValues<'a> {
    pub(super) fn of(
        read: &'a Field,
        declared: &'a str,
        documents: &'a [NewestDocument],
        placeholder: &str,
    ) -> Self {
        let plain = sent(&read.name, documents).filter(|(has_schema, _)| !has_schema);
        let lists = plain.map(|(_, value)| value);
        Self {
            name: &read.name,
            declared,
            lists: lists
                .filter(|value| !is_placeholder(value, placeholder))
                .collect(),
        }
    }

    /// What they, or their elements, seem to be, where that is not what they are read as, and what
    /// to do.
    pub(super) fn oddity(&self, forms: JsonForms) -> Option<String> {
        self.of_elements(forms).or_else(|| {
            let told = self.lists.iter().find_map(|list| {
                let json = list.to_string();
                Some((list_fault(self.declared, &json, forms)?, json))
            });
            let (fault, json) = told?;
            Some(format!(
                "the newest records have {} in `{}`, and the like would be dead letters: {fault}, \
                 which is {}",
                quoted(&json),
                self.name,
                self.declared
            ))
        })
    }

    fn of_elements(&self, forms: JsonForms) -> Option<String> {
        let logical_type = element_type(declared_elements(self.declared, forms)?)?;
        let mut elements = Vec::new();
        for list in &self.lists {
            flatten(list, &mut elements);
        }
        ReadValues::elements(self.name, logical_type, elements).oddity(forms)
    }
}

/// What an element would be read as by itself.
fn element_type(elements: Elements) -> Option<LogicalType> {
    Some(match elements {
        Elements::Dates => LogicalType::Date,
        Elements::Instants(Unit::Millis) => LogicalType::TimestampMs,
        Elements::Instants(_) => LogicalType::TimestampUs,
        Elements::Times(Unit::Millis) => LogicalType::TimeMs,
        Elements::Times(_) => LogicalType::TimeUs,
        Elements::Bytes(_) => LogicalType::Bytes,
        Elements::Numbers | Elements::Unscaled { .. } | Elements::UnscaledOnly => {
            LogicalType::Numeric
        }
        Elements::Plain => return None,
    })
}

/// The elements of a list, and of the lists in it.
fn flatten<'a>(value: &'a Value, elements: &mut Vec<&'a Value>) {
    match value {
        Value::Array(list) => list.iter().for_each(|value| flatten(value, elements)),
        Value::Null => {}
        value => elements.push(value),
    }
}

/// Whether it is what Debezium makes of its placeholder in a column of arrays: a list of the text,
/// or of its bytes.
fn is_placeholder(value: &Value, placeholder: &str) -> bool {
    let bytes = || {
        placeholder
            .bytes()
            .map(|byte| Value::from(byte.cast_signed()))
    };
    value.as_array().is_some_and(|list| {
        list.as_slice() == [Value::from(placeholder)] || list.iter().cloned().eq(bytes())
    })
}

#[cfg(test)]
mod tests {
    use gristmill_core::decode::{JsonBytes, JsonDecimals};
    use serde_json::json;

    use super::*;

    fn said(declared: &str, forms: JsonForms, lists: &[Value]) -> String {
        let read = Field {
            name: "value.after.c".to_owned(),
            logical_type: LogicalType::Json,
            nullable: true,
        };
        let documents = lists.iter().map(|list| NewestDocument {
            value: json!({ "after": { "c": list } }),
            has_schema: false,
        });
        let documents: Vec<_> = documents.collect();
        let values = ListValues::of(&read, declared, &documents, "__debezium_unavailable_value");
        values.oddity(forms).unwrap_or_default()
    }

    #[test]
    fn elements_that_look_like_something_else_are_named() {
        let plain = JsonForms::default();
        let stamps = "timestamp without time zone[]";
        let ms = [
            json!([1_726_531_200_000_i64, null]),
            json!([[1_726_531_260_000_i64]]),
        ];
        let told = said(stamps, plain, &ms);
        assert!(
            told.contains("looks like milliseconds and is read as microseconds"),
            "{told}"
        );
        assert!(
            told.contains("the table's column `timestamp(3)[]`"),
            "{told}"
        );
        let told = said(
            "timestamp(3) without time zone[]",
            plain,
            &[json!([1_726_531_200_000_000_i64])],
        );
        assert!(told.contains("the table's column `timestamp[]`"), "{told}");
        let told = said("time without time zone[]", plain, &[json!([45_296_789])]);
        assert!(told.contains("the table's column `time(3)[]`"), "{told}");
        let told = said("numeric(12,2)[]", plain, &[json!(["B1vNFQ=="])]);
        assert!(told.contains("set json_decimals"), "{told}");
        let told = said("bytea[]", plain, &[json!(["deadbeef"])]);
        assert!(told.contains("set json_bytes"), "{told}");
        let placeholder = "__debezium_unavailable_value";
        let bytes: Vec<Value> = placeholder.bytes().map(Value::from).collect();
        for (declared, list) in [
            (stamps, json!([1_726_531_200_000_000_i64])),
            ("time(3) without time zone[]", json!([45_296_789])),
            ("date[]", json!([19_983])),
            ("date[]", json!(bytes)),
            ("text[]", json!(["a", 1])),
            ("bytea[]", json!([placeholder])),
            ("numeric(12,2)[]", json!(["1.50", 7, null])),
        ] {
            assert_eq!(said(declared, plain, &[list]), "", "{declared}");
        }
    }

    #[test]
    fn lists_that_the_column_would_refuse_are_named() {
        let forms = JsonForms {
            decimals: JsonDecimals::Text,
            bytes: JsonBytes::Hex,
        };
        let told = said("numeric(10,2)[]", forms, &[json!([1]), json!(["1.005"])]);
        let expected = "the newest records have [\"1.005\"] in `value.after.c`, and the like would \
                        be dead letters: an element has more digits behind its point than the 2 of \
                        the column, which is numeric(10,2)[]";
        assert_eq!(told, expected);
        let told = said(
            "time(3) without time zone[]",
            forms,
            &[json!([45_296_789_012_i64])],
        );
        assert!(
            told.contains("each element should be a time since midnight"),
            "{told}"
        );
        let told = said("bytea[]", forms, &[json!(["AA=="])]);
        assert!(
            told.contains("each element should be hexadecimal digits"),
            "{told}"
        );
    }
}
