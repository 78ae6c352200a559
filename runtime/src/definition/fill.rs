//! Properties of a normalizer's config that its file leaves to the target's table.

use anyhow::{Context, Result, bail};
use gristmill_postgres::table::catalogue::Catalogue;
use gristmill_postgres::table::filled_columns::FilledColumns;
use gristmill_sandbox::Component;
use serde_json::{Map, Value};

use crate::definition::file::TransformSection;

/// A property that the host can fill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingProperty {
    property: String,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Columns,
    Key,
}

/// The attribute that names the property for the table's columns.
const COLUMNS: &str = "target-columns";
/// The names of gristmill's own columns begin so.
const OWN: &str = "_gm_";

/// What the component lets the host fill and `config` lacks.
pub fn gaps(component: &Component, config: &Value) -> Vec<MissingProperty> {
    let attributes = component.description().attributes.iter();
    let gaps = attributes.filter_map(|(name, property)| {
        let what = match name.as_str() {
            COLUMNS => What::Columns,
            "target-key" => What::Key,
            _ => return None,
        };
        let property = property.clone();
        Some(MissingProperty { property, what })
    });
    gaps.filter(|gap| config.get(&gap.property).is_none())
        .collect()
}

/// Fills the gaps of `config` from the table `table`, but the columns that others write: those in
/// `written` and gristmill's own.
pub fn fill(
    config: &mut Value,
    gaps: &[MissingProperty],
    table: &str,
    catalogue: &Catalogue,
    written: &[String],
) -> Result<()> {
    let config = config
        .as_object_mut()
        .context("the transform's config is no table of properties")?;
    for MissingProperty { property, what } in gaps {
        let value = match what {
            What::Columns => {
                let is_free = |name: &str| {
                    !name.starts_with(OWN) && written.iter().all(|other| other != name)
                };
                let columns = catalogue.columns.iter().filter(|(name, _)| is_free(name));
                let columns = columns.map(|(name, of)| (name.clone(), of.clone().into()));
                Value::Object(columns.collect::<Map<_, _>>())
            }
            What::Key if catalogue.key.is_empty() => bail!(
                "the table {table} has no primary key to take `{property}` from: add one, or name \
                 the columns that tell rows apart, {property} = [\"..\"], in the transform's config"
            ),
            What::Key => catalogue.key.clone().into(),
        };
        config.insert(property.clone(), value);
    }
    Ok(())
}

/// The properties that `gaps` are of.
pub fn names(gaps: &[MissingProperty]) -> Vec<String> {
    gaps.iter().map(|gap| gap.property.clone()).collect()
}

/// The columns of a transform's config that were filled, with the types that the table had.
pub fn filled_columns(component: &Component, transform: &TransformSection) -> FilledColumns {
    let mut attributes = component.description().attributes.iter();
    let columns = attributes.find(|(name, _)| name == COLUMNS);
    let columns = columns.filter(|(_, property)| transform.filled.contains(property));
    let columns = columns.and_then(|(_, property)| transform.config.get(property)?.as_object());
    let columns = columns.into_iter().flatten();
    columns
        .filter_map(|(name, of)| Some((name.as_str(), of.as_str()?)))
        .collect()
}

/// That there is no table to fill the gaps from.
pub fn no_table(gaps: &[MissingProperty], table: &str) -> String {
    let properties: Vec<String> = gaps
        .iter()
        .map(|gap| format!("`{}`", gap.property))
        .collect();
    format!(
        "there is no table {table} to take {} from: create it, or write them into the transform's \
         config",
        properties.join(" and ")
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn both() -> Vec<MissingProperty> {
        let gap = |property: &str, what| MissingProperty {
            property: property.into(),
            what,
        };
        vec![gap("columns", What::Columns), gap("key", What::Key)]
    }

    #[test]
    fn columns_that_others_write_are_left_to_them() {
        let column = |name: &str, of: &str| (name.to_owned(), of.to_owned());
        let catalogue = Catalogue {
            columns: vec![
                column("id", "bigint"),
                column("country_name", "text"),
                column("_gm_version", "bytea"),
                column("tags", "text[]"),
            ],
            key: vec!["id".into()],
        };
        let mut config = json!({ "shape": "flat" });
        fill(
            &mut config,
            &both(),
            "t",
            &catalogue,
            &["country_name".into()],
        )
        .unwrap();
        let filled = json!({
            "shape": "flat", "columns": { "id": "bigint", "tags": "text[]" }, "key": ["id"],
        });
        assert_eq!(config, filled);
    }

    #[test]
    fn a_table_without_a_key_is_refused() {
        let refused = fill(&mut json!({}), &both(), "t", &Catalogue::default(), &[]);
        let message = refused.unwrap_err().to_string();
        assert!(
            message.contains("the table t has no primary key"),
            "{message}"
        );
        let message = no_table(&both(), "t");
        assert!(
            message.contains("no table t to take `columns` and `key` from"),
            "{message}"
        );
    }
}
