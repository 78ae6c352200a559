//! The transforms that ship, from what their components say.

use anyhow::{Context, Result};
use gristmill::definition::builtin;
use gristmill_core::column::Field;
use gristmill_core::plan::Plan;
use gristmill_core::transform::Transform as _;
use gristmill_sandbox::{Description, Limits, Sandbox};
use serde_json::{Value, json};

use super::keys;
use super::markdown::{item, paragraph, sentence};

const HEAD: &str = "# Transforms

These transforms are part of the program: `component = \"builtin:NAME\"`. `gristmill schema apply`
creates the columns that they write, and `gristmill transform inspect builtin:NAME` prints all that
is below and the limits. Their sources are in `guest-transforms/rules/`.

The first transform of a pipeline is the normalizer. The others are enrichers.
";

const TAIL: &str = "
## Dimensions that ship

A dimension is data and not part of a component, because it changes with the world, and which time
zone stands for a large country is a choice. Copy `data/locales.csv` to make another.

```toml
[[transform]]
name = \"enrich-locale\"
component = \"builtin:enrich-locale\"

[dimension.locales]
file = \"builtin:locales\"
key = [\"country_code\"]
```

- `builtin:countries`: the names of the four countries of the sample events.
- `builtin:locales`: the currency (ISO 4217) and the time zone (IANA) of every country of ISO 3166.
  The time zone is that of the capital, or of most people.
";

/// What a plan and a schema cannot say.
const NOTES: [(&str, &str); 6] = [
    (
        "normalize-cdc",
        "A delete takes its row from `before`, every other event from `after`. An update that \
         changes the key becomes a delete of the old key and an upsert of the new one.",
    ),
    (
        "normalize-debezium",
        "Of events it takes `after`, and of deletes the key. Heartbeats, ends of transactions, \
         changes of schemas and logical messages are about no row and pass. `columns` and `key` \
         may be left out: they are those of the target's table.",
    ),
    (
        "enrich-disposable-email",
        "Sub-domains of a listed domain count, too.",
    ),
    (
        "enrich-weekday",
        "The day is a number from 1 (Monday) to 7 (Sunday).",
    ),
    (
        "enrich-quality",
        "The flags are a JSON array of `name-missing`, `name-too-long`, `email-missing`, \
         `email-too-long`, `email-malformed` and `stale`, and `[]` when nothing is wrong. A \
         component has no clock, so `stale` compares with a fixed moment.",
    ),
    (
        "sql",
        "It reads, joins, writes and rejects what its config says. The guide [Rules in \
         SQL](../guides/rules-in-sql.md) explains it, and [Functions in SQL](sql-functions.md) \
         lists what expressions may call.",
    ),
];

/// A shipped transform, and what it plans.
pub(super) struct Shipped {
    pub(super) name: &'static str,
    pub(super) plan: Plan,
    description: Description,
    /// The config that the plan follows from, where none is not enough.
    example: Option<Value>,
}

pub(super) fn shipped() -> Result<Vec<Shipped>> {
    let sandbox = Sandbox::new(None)?;
    let of = |name: &'static str| {
        let module = builtin::named_component(name)?;
        let component = sandbox.load(name, module, &Limits::default())?;
        let example = example(name);
        let opened = component.open(example.as_ref().unwrap_or(&json!({})))?;
        Ok(Shipped {
            name,
            plan: opened.plan().clone(),
            description: component.description().clone(),
            example,
        })
    };
    builtin::names().map(of).collect()
}

/// A config for a transform that cannot do without one.
fn example(name: &str) -> Option<Value> {
    let columns = match name {
        "normalize-cdc" => json!({ "user_id": "int64", "name": "text" }),
        "normalize-debezium" => json!({ "user_id": "bigint", "name": "text" }),
        "sql" => {
            let writes = json!({ "domain": "split_part(email, '@', 2)" });
            return Some(json!({ "reads": { "email": "text" }, "writes": writes }));
        }
        _ => return None,
    };
    Some(json!({ "key": ["user_id"], "columns": columns }))
}

pub(super) fn page(shipped: &[Shipped]) -> Result<String> {
    let mut page = HEAD.to_owned();
    for transform in shipped {
        page += &section(transform).context(transform.name)?;
    }
    Ok(page + TAIL)
}

fn section(transform: &Shipped) -> Result<String> {
    let Shipped {
        name,
        plan,
        description,
        example,
    } = transform;
    let mut text = format!(
        "\n## {name}\n\n{}\n",
        paragraph(&sentence(&description.summary))
    );
    if let Some((_, note)) = NOTES.iter().find(|(known, _)| known == name) {
        text += &format!("{}\n", paragraph(note));
    }
    if let Some(example) = example {
        text += &paragraph(&format!("With the config `{example}` it"));
        text.push('\n');
    }
    text += &item(0, &format!("reads {}", columns(&plan.reads)));
    for join in &plan.joins {
        let (dimension, on) = (&join.dimension, join.on.join("`, `"));
        let took = columns(&join.take);
        text += &item(
            0,
            &format!("joins the dimension `{dimension}` on `{on}` for {took}"),
        );
    }
    text += &item(0, &format!("writes {}", columns(&plan.writes)));
    if !plan.reject_codes.is_empty() {
        text += &item(
            0,
            &format!("rejects with `{}`", plan.reject_codes.join("`, `")),
        );
    }
    let schema: Value = serde_json::from_str(&description.config_schema)?;
    let keys = keys::list(&schema, &schema)?;
    text += match keys.is_empty() {
        true => "\nIt has no config.\n",
        false => "\nIts config:\n\n",
    };
    Ok(text + &keys)
}

fn columns(fields: &[Field]) -> String {
    let column = |field: &Field| format!("`{}` ({})", field.name, field.logical_type);
    match fields {
        [] => "nothing".to_owned(),
        fields => fields.iter().map(column).collect::<Vec<_>>().join(", "),
    }
}
