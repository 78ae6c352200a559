//! Any JSON Schema of a component and any config: the schema is refused, or the config is answered,
//! in little time and on a small stack.
#![no_main]

use arbitrary::{Result, Unstructured};
use gristmill_sandbox::fuzzed;
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};

const KEYS: [&str; 4] = ["a", "b", "c", "$defs"];
const LISTS: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];
const MAPS: [&str; 4] = ["properties", "$defs", "dependentSchemas", "patternProperties"];
const NESTED: [&str; 11] = [
    "not",
    "if",
    "then",
    "else",
    "items",
    "contains",
    "additionalProperties",
    "propertyNames",
    "unevaluatedProperties",
    "unevaluatedItems",
    "$defs",
];
const REFERENCES: [&str; 9] = [
    "#",
    "#/$defs/a",
    "#/$defs/b",
    "#/properties/a",
    "#/allOf/0",
    "#a",
    "",
    "http://localhost/a",
    "%00",
];

/// How deep the drawn values nest: the host takes 64 levels, and more is refused by their count.
const LEVELS: usize = 70;

fn scalar(u: &mut Unstructured<'_>) -> Result<Value> {
    Ok(match u.int_in_range(0..=4)? {
        0 => Value::Null,
        1 => json!(u.arbitrary::<bool>()?),
        2 => json!(u.arbitrary::<i64>()?),
        3 => json!(u.arbitrary::<f64>()?),
        _ => json!(u.arbitrary::<String>()?),
    })
}

fn keyword(u: &mut Unstructured<'_>, levels: usize) -> Result<(String, Value)> {
    let entry = |key: &str, value| Ok((key.to_owned(), value));
    match u.int_in_range(0..=8)? {
        0 => entry("$ref", json!(u.choose(&REFERENCES)?)),
        1 => entry("type", json!(u.choose(&["string", "object", "array", "x"])?)),
        2 => entry("pattern", json!(u.arbitrary::<String>()?)),
        3 => entry(
            u.choose(&["$id", "$anchor", "$dynamicRef", "$schema", "format"])?,
            json!(u.choose(&REFERENCES)?),
        ),
        4 => entry(
            u.choose(&["minLength", "maxItems", "multipleOf", "enum", "const", "required"])?,
            scalar(u)?,
        ),
        5 => {
            let parts = (0..u.int_in_range(0..=3)?).map(|_| schema(u, levels));
            let parts = parts.collect::<Result<Vec<_>>>()?;
            entry(u.choose(&LISTS)?, Value::Array(parts))
        }
        6 => {
            let mut map = Map::new();
            for _ in 0..u.int_in_range(0..=3)? {
                map.insert((*u.choose(&KEYS)?).to_owned(), schema(u, levels)?);
            }
            entry(u.choose(&MAPS)?, Value::Object(map))
        }
        _ => entry(u.choose(&NESTED)?, schema(u, levels)?),
    }
}

fn schema(u: &mut Unstructured<'_>, levels: usize) -> Result<Value> {
    if levels == 0 || u.is_empty() {
        return Ok(Value::Bool(true));
    }
    let mut object = Map::new();
    for _ in 0..u.int_in_range(0..=3)? {
        let (key, value) = keyword(u, levels - 1)?;
        object.insert(key, value);
    }
    Ok(Value::Object(object))
}

fn config(u: &mut Unstructured<'_>, levels: usize) -> Result<Value> {
    if levels == 0 || u.is_empty() {
        return Ok(Value::Null);
    }
    Ok(match u.int_in_range(0..=2)? {
        0 => scalar(u)?,
        1 => {
            let parts = (0..u.int_in_range(0..=3)?).map(|_| config(u, levels - 1));
            Value::Array(parts.collect::<Result<_>>()?)
        }
        _ => {
            let mut map = Map::new();
            for _ in 0..u.int_in_range(0..=3)? {
                map.insert((*u.choose(&KEYS)?).to_owned(), config(u, levels - 1)?);
            }
            Value::Object(map)
        }
    })
}

fuzz_target!(|bytes: &[u8]| {
    let mut u = Unstructured::new(bytes);
    let drawn = |u: &mut Unstructured<'_>| -> Result<(String, Value)> {
        let text = match u.ratio(1, 8)? {
            true => u.arbitrary()?,
            false => schema(u, LEVELS)?.to_string(),
        };
        Ok((text, config(u, 6)?))
    };
    if let Ok((schema, config)) = drawn(&mut u)
        && let Err(why) = fuzzed::config(&schema, &config)
    {
        assert!(!why.is_empty(), "{schema}");
    }
});
