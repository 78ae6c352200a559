//! What a component says of its config, and a config held against it.

use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, Validator};
use serde_json::Value;

use crate::config::nearest;

/// Some are enough to see a pattern; a wrong file would list hundreds.
const PROBLEMS_SHOWN: usize = 5;

/// Where a schema says that no other key may stand.
const UNKNOWN_KEY: &str = "/additionalProperties";

/// The JSON Schema of a component's config.
pub(super) struct ConfigSchema {
    schema: Value,
    validator: Validator,
}

impl ConfigSchema {
    /// The schema as a component wrote it; an empty one takes everything. The error says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let schema = match text.trim() {
            "" => Value::Bool(true),
            text => serde_json::from_str(text)
                .map_err(|e| format!("its config-schema is not JSON: {e}"))?,
        };
        let validator = jsonschema::validator_for(&schema)
            .map_err(|e| format!("its config-schema is not a JSON Schema: {e}"))?;
        Ok(Self { schema, validator })
    }

    /// What is wrong with `config`, and where.
    pub(super) fn check(&self, config: &Value) -> Result<(), String> {
        let problems: Vec<String> = self
            .validator
            .iter_errors(config)
            .take(PROBLEMS_SHOWN)
            .map(|error| self.in_words(&error))
            .collect();
        if problems.is_empty() {
            return Ok(());
        }
        Err(problems.join("; "))
    }

    fn in_words(&self, error: &ValidationError<'_>) -> String {
        let problem = match &error.kind {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                let keys = self.keys(error);
                let unknown = unexpected.iter().map(|key| unknown(key, &keys));
                unknown.collect::<Vec<_>>().join("; ")
            }
            // The schema of a config without keys; the error does not say which key there is.
            ValidationErrorKind::FalseSchema if is_unknown_key(error) => {
                "there is nothing to configure: leave it out".to_owned()
            }
            ValidationErrorKind::Required { property } => {
                format!("the key {property} is missing")
            }
            _ => error.to_string(),
        };
        match error.instance_path.as_str() {
            "" => problem,
            path => format!("at {path}: {problem}"),
        }
    }

    /// The keys that may stand where the error is.
    fn keys(&self, error: &ValidationError<'_>) -> Vec<&str> {
        let object = error.schema_path.as_str().strip_suffix(UNKNOWN_KEY);
        let properties = object.and_then(|o| self.schema.pointer(&format!("{o}/properties")));
        let properties = properties.and_then(Value::as_object);
        properties.map_or_else(Vec::new, |p| p.keys().map(String::as_str).collect())
    }
}

fn is_unknown_key(error: &ValidationError<'_>) -> bool {
    error.schema_path.as_str().ends_with(UNKNOWN_KEY)
}

fn unknown(key: &str, keys: &[&str]) -> String {
    match nearest(key, keys.iter().copied()) {
        Some(near) => format!("unknown key `{key}`: did you mean `{near}`?"),
        None if keys.is_empty() => format!("unknown key `{key}`"),
        None => format!("unknown key `{key}`: the keys are {}", keys.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case(json!({ "domains": ["a"] }), None)]
    #[case(json!({ "domans": [] }), Some("unknown key `domans`: did you mean `domains`?"))]
    #[case(json!({ "x": 1 }), Some("unknown key `x`: the keys are domains, inner"))]
    #[case(json!({ "domains": "a" }), Some("at /domains: \"a\" is not of type \"array\""))]
    #[case(
        json!({ "domains": [1, ""] }),
        Some("at /domains/0: 1 is not of type \"string\"; at /domains/1: \"\" is shorter than 1 character")
    )]
    #[case(json!({ "inner": {} }), Some("at /inner: the key \"name\" is missing"))]
    #[case(
        json!({ "inner": { "nam": 1, "name": 2 } }),
        Some("at /inner: unknown key `nam`: did you mean `name`?")
    )]
    fn what_is_wrong_is_said_in_words(#[case] config: Value, #[case] expected: Option<&str>) {
        let schema = json!({
            "type": "object",
            "properties": {
                "domains": { "type": "array", "items": { "type": "string", "minLength": 1 } },
                "inner": {
                    "type": "object", "required": ["name"], "properties": { "name": true }, "additionalProperties": false,
                },
            },
            "additionalProperties": false,
        });
        let schema = ConfigSchema::parse(&schema.to_string()).unwrap();
        assert_eq!(schema.check(&config).err().as_deref(), expected);
    }

    #[test]
    fn a_schema_refers_to_nothing_outside_itself() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "{}").unwrap();
        let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        server.set_nonblocking(true).unwrap();
        let here = format!("http://{}/schema.json", server.local_addr().unwrap());
        for schema in [
            json!({ "$ref": format!("file://{}", file.path().display()) }),
            json!({ "$ref": here }),
            json!({ "$schema": here }),
        ] {
            let why = ConfigSchema::parse(&schema.to_string()).err();
            assert!(
                why.is_some_and(|why| why.contains("is not a JSON Schema")),
                "{schema}"
            );
        }
        let asked = server.accept().map(|_| ()).map_err(|e| e.kind());
        assert_eq!(asked, Err(std::io::ErrorKind::WouldBlock));
    }

    #[test]
    fn where_nothing_may_be_configured_it_says_so() {
        let schema = ConfigSchema::parse(r#"{"additionalProperties":false}"#).unwrap();
        let expected = "there is nothing to configure: leave it out";
        assert_eq!(schema.check(&json!({ "a": 1 })).unwrap_err(), expected);
        assert!(ConfigSchema::parse(" ").unwrap().check(&json!(7)).is_ok());
    }
}
