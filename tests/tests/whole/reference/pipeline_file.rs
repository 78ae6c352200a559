//! Every key of a pipeline file, from the types that it is read into.

use anyhow::{Context, Result, ensure};
use gristmill::definition::file::Config;
use serde_json::Value;

use super::keys;
use super::markdown::{paragraph, sentence};

const HEAD: &str = "# Pipeline file

A pipeline file is TOML. Any string may contain `${NAME}` or `${NAME:-default}`, which are filled in
from the environment; a number or a boolean may come from there, too. Only the config of a
transform, what `[[only]]` says of transforms, and the query of a dimension take none: they are
stored in `gristmill.revision` as they are. A key that is not listed here is an error with its line
and the nearest key. Paths are relative to the file.

[`pipelines/users.toml`](../../pipelines/users.toml) is a complete example.
";

const TAIL: &str = "
## Columns of the target that gristmill finds by name

The table may have the columns `_gm_version bytea` and `_gm_revision int`; `schema apply` creates
them. With them gristmill alone says which event is newer, events of equal time are ordered by
offset, and each row says which record and which revision it comes from. Tables that were made
before have `_gm_partition int` and `_gm_offset bigint`; see [change the
guard](../guides/change-the-guard.md).
";

/// The tables of the file in the order in which people write them, each with the path to its
/// schema.
const TABLES: [(&str, &[&str]); 10] = [
    ("[pipeline]", &["pipeline"]),
    ("[source]", &["source"]),
    ("[[transform]]", &["transform", "items"]),
    ("[transform.limits]", &["transform", "items", "limits"]),
    ("[[only]]", &["only", "items"]),
    ("[dimension.NAME]", &["dimension", "additionalProperties"]),
    ("[target]", &["target"]),
    ("[dead_letters]", &["dead_letters"]),
    ("[limits]", &["limits"]),
    ("[http]", &["http"]),
];

pub(super) fn page() -> Result<String> {
    let root = schemars::schema_for!(Config).to_value();
    let top = keys::properties(&root)?;
    let is_listed = |key: &str| TABLES.iter().any(|(_, path)| path[0] == key);
    let missing: Vec<_> = top.keys().filter(|key| !is_listed(key)).collect();
    ensure!(missing.is_empty(), "no place in the reference: {missing:?}");
    let mut page = HEAD.to_owned();
    for (title, path) in TABLES {
        let schema = find(&root, path)?;
        let about = schema["description"].as_str();
        let about = about.with_context(|| format!("{title} has no comment"))?;
        page += &format!("\n## `{title}`\n\n{}\n", paragraph(&sentence(about)));
        page += &keys::list(&root, schema)?;
    }
    Ok(page + TAIL)
}

fn find<'a>(root: &'a Value, path: &[&str]) -> Result<&'a Value> {
    path.iter().try_fold(root, |schema, name| {
        let below = match *name {
            "items" | "additionalProperties" => &schema[*name],
            key => &schema["properties"][key],
        };
        keys::resolved(root, below)
    })
}
