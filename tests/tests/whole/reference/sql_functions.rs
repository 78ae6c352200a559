//! What expressions of `builtin:sql` may call, from the table that the rule itself uses.

use std::collections::BTreeMap;

use sql::reference::{Entry, entries};

use super::markdown::item;

const HEAD: &str = "# Functions in SQL

What expressions of `builtin:sql` may call, with the types that it takes and gives; those of
PostgreSQL, which says what they do. [Rules in SQL](../guides/rules-in-sql.md) says how they are
written. `case`, `in`, `between`, `is`, `coalesce`, `nullif`, `greatest`, `least`, `concat` and
`concat_ws` take values of all types.
";

pub(super) fn page() -> String {
    let (here, not_here): (Vec<_>, Vec<_>) = entries().partition(|entry| entry.refused.is_none());
    let (operators, functions): (Vec<_>, Vec<_>) =
        here.into_iter().partition(|entry| entry.is_operator);
    let mut page = HEAD.to_owned();
    for (title, entries) in [("Operators", operators), ("Functions", functions)] {
        page += &format!("\n## {title}\n\n");
        page += &list(
            &entries,
            |entry| entry.name,
            |entry| format!("`{}` {}", entry.signature, entry.gives),
        );
    }
    page += "\n## Not here\n\n";
    let why = |entry: &Entry| entry.refused.unwrap_or_default();
    page + &list(&not_here, why, |entry| format!("`{}`", entry.signature))
}

/// An item for what is alike in `same`, with what `shown` says of each.
fn list<'a>(
    entries: &'a [Entry],
    same: impl Fn(&'a Entry) -> &'a str,
    shown: impl Fn(&Entry) -> String,
) -> String {
    let mut alike: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for entry in entries {
        alike.entry(same(entry)).or_default().push(shown(entry));
    }
    let item_of = |(same, shown): (&str, Vec<String>)| match entries[0].refused {
        None => item(0, &shown.join(", ")),
        Some(_) => item(0, &format!("{}: {same}.", shown.join(", "))),
    };
    alike.into_iter().map(item_of).collect()
}
