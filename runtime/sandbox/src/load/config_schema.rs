//! What a component says of its config, and a config held against it.

use jsonschema::error::ValidationErrorKind;
use jsonschema::{PatternOptions, ValidationError, Validator};
use serde_json::Value;

use crate::load::schema_bounds;
use gristmill_core::suggest::nearest;

/// Some are enough to see a pattern; a wrong file would list hundreds.
const PROBLEMS_SHOWN: usize = 5;

/// The most that a compiled regular expression may take. 4 MiB: `^\p{L}{1,50}$` takes 2.5.
const PATTERN_MAX_BYTES: usize = 4 << 20;

/// The path in a schema that says that no other key may stand.
const UNKNOWN_KEY: &str = "/additionalProperties";

/// The JSON Schema of a component's config.
pub(crate) struct ConfigSchema {
    schema: Value,
    validator: Validator,
}

impl ConfigSchema {
    /// The schema as a component wrote it; an empty one takes everything. The error says what is
    /// wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let bounded = |why| format!("its config-schema is not a JSON Schema for this host: {why}");
        schema_bounds::check_text(text).map_err(bounded)?;
        let schema = match text.trim() {
            "" => Value::Bool(true),
            text => serde_json::from_str(text)
                .map_err(|e| format!("its config-schema is not JSON: {e}"))?,
        };
        schema_bounds::check(&schema).map_err(bounded)?;
        // The engine that takes time in proportion to the text, whatever the pattern.
        let patterns = PatternOptions::regex().size_limit(PATTERN_MAX_BYTES);
        let validator = jsonschema::options()
            .with_pattern_options(patterns)
            .build(&schema)
            .map_err(|e| not_a_schema(&e))?;
        Ok(Self { schema, validator })
    }

    /// What is wrong with `config`, and where.
    pub(crate) fn check(&self, config: &Value) -> Result<(), String> {
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
        let problem = match error.kind() {
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
            ValidationErrorKind::Enum { options } => not_one_of(error.instance(), options),
            _ => error.to_string(),
        };
        match error.instance_path().as_str() {
            "" => problem,
            path => format!("at {path}: {problem}"),
        }
    }

    /// The keys that may stand where the error is.
    fn keys(&self, error: &ValidationError<'_>) -> Vec<&str> {
        let object = error.schema_path().as_str().strip_suffix(UNKNOWN_KEY);
        let properties = object.and_then(|o| self.schema.pointer(&format!("{o}/properties")));
        let properties = properties.and_then(Value::as_object);
        properties.map_or_else(Vec::new, |p| p.keys().map(String::as_str).collect())
    }
}

/// All that it may be: whoever misspells one looks for it.
fn not_one_of(value: &Value, options: &Value) -> String {
    let options = options.as_array().into_iter().flatten();
    let options: Vec<String> = options.map(Value::to_string).collect();
    format!("{value} is not one of {}", options.join(", "))
}

fn not_a_schema(error: &ValidationError<'_>) -> String {
    match error.kind() {
        ValidationErrorKind::Format { format } if format == "regex" => format!(
            "its config-schema is not a JSON Schema for this host: the pattern {} is damaged, \
             looks around or back, or takes more than {PATTERN_MAX_BYTES} bytes when compiled",
            error.instance()
        ),
        _ => format!("its config-schema is not a JSON Schema: {error}"),
    }
}

fn is_unknown_key(error: &ValidationError<'_>) -> bool {
    error.schema_path().as_str().ends_with(UNKNOWN_KEY)
}

fn unknown(key: &str, keys: &[&str]) -> String {
    match nearest(key, keys.iter().copied()) {
        Some(near) => format!("unknown key `{key}`: did you mean `{near}`?"),
        None if keys.is_empty() => format!("unknown key `{key}`"),
        None => format!("unknown key `{key}`: the keys are {}", keys.join(", ")),
    }
}

#[cfg(test)]
mod tests;
