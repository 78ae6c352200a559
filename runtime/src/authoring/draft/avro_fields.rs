//! A schema of Avro as Kafka Connect's JSON converter would write it: what it says of a table's
//! columns is read in one way then.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

/// How deep types may lie in each other, as where records are read by them.
const DEPTH_MAX: usize = 64;

/// Types of a whole schema, where names stand for what they name: some kilobytes of names could
/// stand for more than there is memory. A table of 1,600 columns comes to 5,000.
const TYPES_MAX: usize = 65_536;

/// The names of types that were met, with what they are and how many types are in that.
#[derive(Default)]
struct Names {
    known: HashMap<String, (Value, usize)>,
    /// Types so far.
    types: usize,
}

/// The schema `text` of Avro as Connect's; `None`: it is none.
pub fn connect_schema(text: &str) -> Option<Value> {
    let schema: Value = serde_json::from_str(text).ok()?;
    Names::default().of(&schema, "", 0)
}

impl Names {
    /// A type as Connect's; `namespace` is that of the record around it.
    fn of(&mut self, schema: &Value, namespace: &str, depth: usize) -> Option<Value> {
        self.types += 1;
        if depth > DEPTH_MAX || self.types > TYPES_MAX {
            return None;
        }
        match schema {
            Value::String(name) => Some(self.called(name, namespace)),
            Value::Array(branches) => {
                let mut others = branches.iter().filter(|branch| *branch != "null");
                let mut found = self.of(others.next()?, namespace, depth + 1)?;
                let is_optional = branches.iter().any(|branch| branch == "null");
                found["optional"] = is_optional.into();
                // A union of several is read as a document.
                match others.next() {
                    None => Some(found),
                    Some(_) => Some(json!({"type": "struct", "optional": is_optional})),
                }
            }
            Value::Object(members) => self.object(members, namespace, depth),
            _ => None,
        }
    }

    fn called(&mut self, name: &str, namespace: &str) -> Value {
        let plain = match name {
            "int" => "int32",
            "long" => "int64",
            "boolean" | "float" | "double" | "bytes" | "string" => name,
            _ => {
                let full = full_name(name, namespace);
                let known = self.known.get(&full).or_else(|| self.known.get(name));
                let Some((found, types)) = known else {
                    return json!({"type": "struct"});
                };
                self.types += types;
                return match self.types > TYPES_MAX {
                    true => json!({"type": "struct"}),
                    false => found.clone(),
                };
            }
        };
        json!({ "type": plain })
    }

    fn object(
        &mut self,
        members: &Map<String, Value>,
        namespace: &str,
        depth: usize,
    ) -> Option<Value> {
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let namespace = text("namespace").unwrap_or(namespace);
        let mut found = match text("type") {
            Some("record") => {
                let full = full_name(text("name")?, namespace);
                let namespace = full.rsplit_once('.').map_or("", |(above, _)| above);
                let fields = members.get("fields")?.as_array()?;
                let before = self.types;
                let mut known = Vec::with_capacity(fields.len());
                for field in fields {
                    let mut of = self.of(field.get("type")?, namespace, depth + 1)?;
                    of["field"] = field.get("name")?.clone();
                    known.push(of);
                }
                let found = json!({"type": "struct", "fields": known});
                let types = self.types - before;
                self.known.insert(full, (found.clone(), types));
                found
            }
            Some("enum") => json!({"type": "string"}),
            Some("fixed") => json!({"type": "bytes"}),
            Some("array") => {
                let items = self.of(members.get("items")?, namespace, depth + 1)?;
                json!({"type": "array", "items": items})
            }
            Some("map") => {
                let values = self.of(members.get("values")?, namespace, depth + 1)?;
                json!({"type": "map", "keys": {"type": "string"}, "values": values})
            }
            _ => self.of(members.get("type")?, namespace, depth + 1)?,
        };
        if let Some(kind @ ("enum" | "fixed")) = text("type") {
            let full = full_name(text("name").unwrap_or(kind), namespace);
            self.known.insert(full, (found.clone(), 1));
        }
        let semantic = text("connect.name").or_else(|| logical(text("logicalType")?));
        if let Some(semantic) = semantic {
            found["name"] = semantic.into();
        }
        if let Some(physical @ ("int8" | "int16")) = text("connect.type") {
            found["type"] = physical.into();
        }
        let mut parameters = members.get("connect.parameters").cloned();
        if text("logicalType") == Some("decimal") {
            let all = parameters.get_or_insert_with(|| json!({}));
            let digits = |name: &str| members.get(name).and_then(Value::as_u64);
            let scale = digits("scale").unwrap_or_default();
            all["scale"] = scale.to_string().into();
            if let Some(precision) = digits("precision") {
                all["connect.decimal.precision"] = precision.to_string().into();
            }
        }
        if let Some(parameters) = parameters {
            found["parameters"] = parameters;
        }
        Some(found)
    }
}

fn full_name(name: &str, namespace: &str) -> String {
    match namespace.is_empty() || name.contains('.') {
        true => name.to_owned(),
        false => format!("{namespace}.{name}"),
    }
}

/// What Avro calls a type, as Debezium and Connect do.
fn logical(name: &str) -> Option<&'static str> {
    Some(match name {
        "decimal" => "org.apache.kafka.connect.data.Decimal",
        "uuid" => "io.debezium.data.Uuid",
        "date" => "io.debezium.time.Date",
        "time-millis" => "io.debezium.time.Time",
        "time-micros" => "io.debezium.time.MicroTime",
        "timestamp-millis" | "local-timestamp-millis" => "io.debezium.time.Timestamp",
        "timestamp-micros" | "local-timestamp-micros" => "io.debezium.time.MicroTimestamp",
        "timestamp-nanos" | "local-timestamp-nanos" => "io.debezium.time.NanoTimestamp",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_optional_fields_and_semantic_types_are_connects() {
        let schema = r#"{"type":"record","name":"Envelope","namespace":"a.b","fields":[
            {"name":"before","type":["null",{"type":"record","name":"Value","fields":[
                {"name":"id","type":"long"},
                {"name":"at","type":{"type":"long",
                    "connect.name":"io.debezium.time.MicroTimestamp"}},
                {"name":"small","type":["null",{"type":"int","connect.type":"int16"}]},
                {"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":12,
                    "scale":2}},
                {"name":"either","type":["string","long"]},
                {"name":"tags","type":{"type":"array","items":["null","string"]}}
            ]}]},
            {"name":"after","type":["null","Value"]}]}"#;
        let found = connect_schema(schema).unwrap();
        let after = &found["fields"][1];
        assert_eq!(after["field"], "after");
        assert_eq!(after["optional"], true);
        assert_eq!(after["fields"], found["fields"][0]["fields"]);
        let field = |at: usize| &after["fields"][at];
        assert_eq!(field(0)["type"], "int64");
        assert_eq!(field(1)["name"], "io.debezium.time.MicroTimestamp");
        assert_eq!(
            (&field(2)["type"], &field(2)["optional"]),
            (&json!("int16"), &json!(true))
        );
        assert_eq!(field(3)["parameters"]["scale"], "2");
        assert_eq!(field(3)["parameters"]["connect.decimal.precision"], "12");
        assert_eq!(field(4)["type"], "struct");
        assert_eq!(field(5)["items"]["type"], "string");
    }

    #[test]
    fn what_is_no_schema_or_is_in_itself_ends() {
        let twice = |n: usize| {
            format!(
                r#"{{"name":"f{n}","type":{{"type":"record","name":"R{n}","fields":[
                {{"name":"a","type":"R{0}"}},{{"name":"b","type":"R{0}"}}]}}}}"#,
                n.wrapping_sub(1)
            )
        };
        let fields: Vec<String> = (0..60).map(twice).collect();
        let large = format!(
            r#"{{"type":"record","name":"A","fields":[{}]}}"#,
            fields.join(",")
        );
        assert_eq!(connect_schema(&large), None);
        assert_eq!(connect_schema("{"), None);
        let list = r#"{"type":"record","name":"L","fields":[
            {"name":"next","type":["null","L"]}]}"#;
        assert_eq!(connect_schema(list).unwrap()["fields"][0]["type"], "struct");
        let deep = format!("{}\"int\"{}", "[".repeat(100), "]".repeat(100));
        assert_eq!(connect_schema(&deep), None);
    }
}
