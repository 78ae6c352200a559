//! The keys of a configuration, from its JSON Schema.

use anyhow::{Context, Result};
use serde_json::{Map, Value};

use super::markdown::{item, sentence};

/// A list of the keys of `object`, required ones first; `root` has what it refers to.
pub(super) fn list(root: &Value, object: &Value) -> Result<String> {
    let object = resolved(root, object)?;
    let none = Vec::new();
    let required = object["required"].as_array().unwrap_or(&none);
    let place = |key: &str| required.iter().position(|name| name == key);
    let mut keys: Vec<_> = properties(object)?.iter().collect();
    // Required ones in the order of their declaration. The others are sorted by name already.
    keys.sort_by_key(|(key, _)| place(key).unwrap_or(required.len()));
    let mut list = String::new();
    for (key, schema) in keys {
        list += &described(root, key, schema, place(key).is_some())?;
    }
    Ok(list)
}

/// What `schema` refers to, or `schema` itself.
pub(super) fn resolved<'a>(root: &'a Value, schema: &'a Value) -> Result<&'a Value> {
    match schema["$ref"].as_str() {
        None => Ok(schema),
        Some(name) => {
            let pointer = name.strip_prefix('#').context("a reference to elsewhere")?;
            root.pointer(pointer)
                .with_context(|| format!("{name} is not there"))
        }
    }
}

pub(super) fn properties(object: &Value) -> Result<&Map<String, Value>> {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    Ok(object["properties"].as_object().unwrap_or(&NONE))
}

fn described(root: &Value, key: &str, schema: &Value, is_required: bool) -> Result<String> {
    let target = resolved(root, schema)?;
    let default = match &schema["default"] {
        _ if is_required => "required".to_owned(),
        Value::Null => "optional".to_owned(),
        Value::Array(items) if items.is_empty() => "optional".to_owned(),
        // The limits of a transform have a list of their own.
        Value::Object(_) => "optional".to_owned(),
        Value::Array(items) => {
            let items: Vec<_> = items
                .iter()
                .map(|item| format!("`{}`", toml(item)))
                .collect();
            format!("default {}", items.join(", "))
        }
        value => format!("default `{}`", toml(value)),
    };
    let about = [schema, target];
    let about = about
        .iter()
        .find_map(|schema| schema["description"].as_str());
    let about = about.with_context(|| format!("`{key}` has no comment"))?;
    let kind = kind(root, target)?;
    let mut text = item(
        0,
        &format!("**`{key}`** ({kind}, {default}): {}", sentence(about)),
    );
    for variant in target["oneOf"].as_array().into_iter().flatten() {
        let (name, about) = (&variant["const"], variant["description"].as_str());
        let about = about.with_context(|| format!("{key} = {name} has no comment"))?;
        text += &item(1, &format!("`{name}`: {}", sentence(about)));
    }
    Ok(text)
}

/// A type in the words of TOML.
fn kind(root: &Value, schema: &Value) -> Result<String> {
    let schema = resolved(root, schema)?;
    let named = match &schema["type"] {
        Value::Array(kinds) => kinds
            .iter()
            .find_map(|kind| kind.as_str().filter(|k| *k != "null")),
        kind => kind.as_str(),
    };
    Ok(match named {
        Some("string") => "string".to_owned(),
        Some("array") => format!("array of {}s", kind(root, &schema["items"])?),
        Some("number") => "float".to_owned(),
        Some("object") if schema["additionalProperties"].is_object() => {
            let values = kind(root, &schema["additionalProperties"])?;
            format!("table of {values}s")
        }
        Some("object") => "table".to_owned(),
        Some(other) => other.to_owned(),
        None if schema["oneOf"].is_array() => "string".to_owned(),
        None if schema["anyOf"].is_array() => {
            let variants = schema["anyOf"].as_array().into_iter().flatten();
            let some = variants.filter(|v| v["type"] != "null");
            let kinds: Vec<String> = some.map(|v| kind(root, v)).collect::<Result<_>>()?;
            kinds.join(" or ")
        }
        // Any value: the config of a component.
        None => "table".to_owned(),
    })
}

/// A value as TOML writes it, digits in groups of three.
fn toml(value: &Value) -> String {
    let digits = value.to_string();
    match value.is_u64() {
        true => digits
            .as_bytes()
            .rchunks(3)
            .rev()
            .map(|group| String::from_utf8_lossy(group))
            .collect::<Vec<_>>()
            .join("_"),
        false => digits,
    }
}
