//! What a config's JSON Schema may ask of the host. A component wrote it, and neither compiling it
//! nor holding a config against it is metered.

use serde_json::Value;

use crate::printable::printable;

/// Longest text of a schema. 256 KiB: one generated from a config of a hundred commented keys takes
/// 30.
const TEXT_MAX_BYTES: usize = 256 << 10;

/// Values in a schema, where each reference counts as what it refers to. 20,000: the shipped
/// schemas have at most 52, a list of default values may have thousands; the validator makes some
/// hundred bytes of each, and visits each at most once a level for each value of the config.
const VALUES_MAX: usize = 20_000;

/// Levels of a schema, references followed. 64: a generated one spends three on each nested type;
/// the validator needs some KiB of stack for each.
const LEVELS_MAX: usize = 64;

/// What a regular expression counts for. 1,000: there are at most 19, of 4 MiB each when compiled.
const PATTERN_VALUES: usize = 1_000;

/// How often everything counts below a schema with `unevaluatedProperties` or `unevaluatedItems`:
/// the validator asks each part again what it left over, and parts that ask so themselves for each
/// time they are asked, which grows 2.6-fold a level.
const UNEVALUATED_TIMES: usize = 4;

/// The error says what is too much, or what the host does not follow.
pub(crate) fn check_text(text: &str) -> Result<(), String> {
    match text.len() {
        0..=TEXT_MAX_BYTES => Ok(()),
        bytes => Err(format!(
            "it has {bytes} bytes, and {TEXT_MAX_BYTES} are the most, which no setting changes"
        )),
    }
}

/// Walks through `schema` as the validator will, so that it ends where that would not. The error
/// says what is too much, or what the host does not follow.
pub(crate) fn check(schema: &Value) -> Result<(), String> {
    let is_draft_4 = |uri: &str| uri.contains("draft-04");
    if schema["$schema"].as_str().is_some_and(is_draft_4) {
        // There `id` means what `$id` does later, and it may be any key of a config.
        return Err("it is of draft 4: write it in draft 6 or later".to_owned());
    }
    let mut walk = SchemaWalk {
        root: schema,
        left: VALUES_MAX,
    };
    walk.value(schema, 0)
}

struct SchemaWalk<'a> {
    root: &'a Value,
    /// Values that it may still meet.
    left: usize,
}

impl<'a> SchemaWalk<'a> {
    fn value(&mut self, value: &'a Value, level: usize) -> Result<(), String> {
        if level > LEVELS_MAX {
            return Err(format!(
                "it refers to itself, or has more than {LEVELS_MAX} levels, which no setting \
                 changes: write a flatter one"
            ));
        }
        self.spend(1)?;
        match value {
            Value::Object(object) => {
                let asks_again = object.keys().any(|key| key.starts_with("unevaluated"));
                let times = if asks_again { UNEVALUATED_TIMES } else { 1 };
                (0..times).try_for_each(|_| {
                    let mut entries = object.iter();
                    entries.try_for_each(|(key, value)| self.entry(key, value, level))
                })
            }
            Value::Array(values) => values.iter().try_for_each(|v| self.value(v, level + 1)),
            Value::String(text) => legible(text),
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
        }
    }

    fn entry(&mut self, key: &str, value: &'a Value, level: usize) -> Result<(), String> {
        legible(key)?;
        match (key, value) {
            ("$ref", Value::String(reference)) => {
                let target = self.target(reference)?;
                self.value(target, level + 1)?;
            }
            // What they refer to depends on the way there; with other bases, so does `$ref`.
            ("$dynamicRef" | "$recursiveRef", Value::String(_)) => {
                return Err(format!("it has a `{key}`: use `$ref`"));
            }
            ("$id" | "$schema", Value::String(_)) if level > 0 => {
                return Err(format!(
                    "it has a `{key}` below its top level: leave it out"
                ));
            }
            ("pattern", Value::String(_)) => self.spend(PATTERN_VALUES)?,
            ("patternProperties", Value::Object(patterns)) => {
                self.spend(PATTERN_VALUES * patterns.len())?;
            }
            _ => {}
        }
        self.value(value, level + 1)
    }

    fn spend(&mut self, values: usize) -> Result<(), String> {
        self.left = self.left.checked_sub(values).ok_or_else(|| {
            format!(
                "it comes to more than {VALUES_MAX} values, where each `$ref` counts as what it \
                 refers to and each pattern as {PATTERN_VALUES} values, which no setting changes: \
                 write a smaller one"
            )
        })?;
        Ok(())
    }

    /// Takes only what cannot be read in two ways, so that the validator goes to the same place.
    fn target(&self, reference: &str) -> Result<&'a Value, String> {
        let pointer = reference.strip_prefix('#');
        let pointer = pointer.filter(|p| p.is_empty() || p.starts_with('/'));
        let plain = pointer.filter(|p| !p.contains(['%', '~']));
        plain.and_then(|p| self.root.pointer(p)).ok_or_else(|| {
            format!(
                "it refers to {:?}, and the host follows only plain paths within the schema, as \
                 in \"#/$defs/NAME\"",
                printable(reference, 64)
            )
        })
    }
}

/// It is shown on terminals, in part or whole.
fn legible(text: &str) -> Result<(), String> {
    if text.contains(|c: char| c.is_control() && !c.is_ascii_whitespace()) {
        let text = printable(text, 64);
        return Err(format!("it has control characters in {text:?}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    /// `{"anyOf": [{"anyOf": ...}]}`: two levels each.
    fn nested(objects: usize) -> Value {
        (1..objects).fold(json!({}), |inner, _| json!({ "anyOf": [inner] }))
    }

    /// Definitions that each refer twice to the next: as many values as two to their power.
    fn doubling(definitions: usize) -> Value {
        let twice =
            |i| json!({ "allOf": [{ "$ref": format!("#/{i}") }, { "$ref": format!("#/{i}") }] });
        let entry = |i: usize| (i.to_string(), if i == 0 { json!({}) } else { twice(i - 1) });
        (0..definitions).map(entry).collect()
    }

    fn values(count: usize) -> Value {
        // Besides the root, the key's and the list.
        json!({ "properties": { "list": { "default": vec![0; count - 4] } } })
    }

    fn patterns(count: usize) -> Value {
        let pattern = |i: usize| json!({ "pattern": format!("^{i}") });
        (0..count).map(|i| (i.to_string(), pattern(i))).collect()
    }

    /// A schema that asks what is left over, below one, below one.
    fn unevaluated(levels: usize) -> Value {
        let around = |inner, _| json!({ "allOf": [inner], "unevaluatedProperties": false });
        (0..levels).fold(json!({}), around)
    }

    #[rstest]
    #[case(json!(true))]
    #[case(json!({
        "$ref": "#/$defs/A",
        "$defs": { "A": { "properties": { "$ref": { "type": "string" } } } },
    }))]
    #[case(json!({
        "$id": "http://example.com/a",
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "a\tb\n",
    }))]
    #[case(nested(33))]
    #[case(values(20_000))]
    #[case(doubling(8))]
    #[case(patterns(19))]
    #[case(unevaluated(5))]
    fn what_configs_need_is_taken(#[case] schema: Value) {
        check(&schema).unwrap();
    }

    #[rstest]
    #[case(json!({ "$ref": "#" }), "it refers to itself")]
    #[case(json!({ "properties": { "a": { "items": { "$ref": "#" } } } }), "it refers to itself")]
    #[case(
        json!({ "$ref": "#/a", "a": { "$ref": "#/b" }, "b": { "$ref": "#/a" } }),
        "it refers to itself"
    )]
    #[case(nested(34), "more than 64 levels")]
    #[case(values(20_001), "more than 20000 values")]
    #[case(doubling(20), "more than 20000 values")]
    #[case(patterns(20), "more than 20000 values")]
    #[case(json!({ "patternProperties": patterns(20) }), "more than 20000 values")]
    #[case(unevaluated(8), "more than 20000 values")]
    #[case(json!({ "$ref": "" }), "it refers to \"\"")]
    #[case(json!({ "$ref": "other" }), "it refers to \"other\"")]
    #[case(
        json!({ "$ref": "#name", "$defs": { "a": { "$anchor": "name" } } }),
        "it refers to \"#name\""
    )]
    #[case(json!({ "$ref": "#/%61", "a": {}, "%61": {} }), "it refers to \"#/%61\"")]
    #[case(json!({ "$ref": "#/b" }), "it refers to \"#/b\"")]
    #[case(json!({ "$dynamicRef": "#a" }), "it has a `$dynamicRef`")]
    #[case(json!({ "$recursiveRef": "#" }), "it has a `$recursiveRef`")]
    #[case(
        json!({ "items": { "$id": "http://example.com/a" } }),
        "it has a `$id` below its top level"
    )]
    #[case(json!({ "$schema": "http://json-schema.org/draft-04/schema#" }), "it is of draft 4")]
    #[case(json!({ "properties": { "\u{9b}2J": {} } }), "control characters in \"\u{fffd}2J\"")]
    #[case(json!({ "enum": ["\u{1b}[2J"] }), "control characters in \"\u{fffd}[2J\"")]
    fn what_may_cost_the_host_dearly_is_refused(#[case] schema: Value, #[case] why: &str) {
        let refused = check(&schema).unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
}
