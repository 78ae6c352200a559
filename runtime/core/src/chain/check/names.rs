//! Columns by name, and names in messages.

use crate::column::Field;
use crate::suggest::did_you_mean;

/// The field called `name`, or a hint at the nearest name.
pub(super) fn find<'f>(fields: &'f [Field], name: &str) -> Result<&'f Field, String> {
    let names = || fields.iter().map(|f| f.name.as_str());
    fields
        .iter()
        .find(|f| f.name == name)
        .ok_or_else(|| did_you_mean(name, names()))
}

pub(super) fn list(names: &[String]) -> String {
    if names.is_empty() {
        return "no column".to_owned();
    }
    names
        .iter()
        .map(|n| format!("`{n}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
