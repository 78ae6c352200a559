//! A transform's config in a file of its own.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

/// Reads a config: TOML when the file's name ends in `.toml`, else JSON. Without a file it is
/// empty.
pub fn read(path: Option<&Path>) -> Result<Value> {
    let Some(path) = path else {
        return Ok(Value::Object(serde_json::Map::new()));
    };
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    if path.extension().is_some_and(|e| e == "toml") {
        return toml::from_str(&text).with_context(|| format!("{} is no TOML", path.display()));
    }
    serde_json::from_str(&text)
        .with_context(|| format!("{} is no JSON (TOML is named .toml)", path.display()))
}
