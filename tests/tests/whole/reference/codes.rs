//! The codes of dead letters: the host's own, and those that the shipped transforms declare.

use anyhow::{Context, Result};
use gristmill_core::dead_letter::CODES;

use super::markdown::item;
use super::transforms::Shipped;

const HEAD: &str = "# Codes

Each [dead letter](../guides/dead-letters.md) has a **stage**, which refused the record or its row,
a **code**, and a message for people.

## The host's own

A transform declares none that begins with `transform-`.

";

const DECLARED: &str = "
## Those of the shipped transforms

A transform declares its codes; `gristmill transform inspect` shows those of any. The stage is
`transform:` and the transform's name in the pipeline.

";

/// What the shipped transforms mean by their codes: their plans have the names only.
const MEANINGS: [(&str, &str); 6] = [
    (
        "unknown-op",
        "The operation is none of those that are known, or missing.",
    ),
    (
        "missing-row",
        "The event has no row where its operation needs one: `before` of a delete, else `after`.",
    ),
    ("missing-key", "A column of the key is missing or null."),
    ("missing-time", "The event time is missing or null."),
    (
        "missing-version",
        "The event has no place in Postgres' log, by which versions are told.",
    ),
    (
        "sql-error",
        "An expression has no value in this row: a division by zero, a text that is no number.",
    ),
];

pub(super) fn page(shipped: &[Shipped]) -> Result<String> {
    let mut page = HEAD.to_owned();
    for (code, stage, meaning) in CODES {
        page += &item(0, &format!("**`{code}`** (stage `{stage}`): {meaning}"));
    }
    page += DECLARED;
    for transform in shipped {
        for code in &transform.plan.reject_codes {
            let meaning = MEANINGS.iter().find(|(known, _)| known == code);
            let (_, meaning) = meaning.with_context(|| format!("nothing is said of {code}"))?;
            page += &item(
                0,
                &format!("**`{code}`** (`{}`): {meaning}", transform.name),
            );
        }
    }
    Ok(page)
}
