//! The functions and operators as a page for people, from the table that expressions are made of.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::function::{self, Function};

/// What begins the page.
const HEAD: &str = "# Functions in SQL\n\nWhat expressions of `builtin:sql` may call, with the types \
    that it takes and gives. [Rules in SQL](../guides/rules-in-sql.md) says how they are written. \
    This page is generated from the table that the rule itself uses.\n";

/// The page, in Markdown.
pub fn reference() -> String {
    let mut page = HEAD.to_owned();
    let here = |function: &&'static Function| function.refused.is_none();
    table(&mut page, "Operators", |f| here(f) && f.is_operator());
    table(&mut page, "Functions", |f| here(f) && !f.is_operator());
    page.push_str("\n## Not here\n\n| Call | Why |\n|---|---|\n");
    for function in function::all() {
        if let Some(why) = function.refused {
            let signature = function.signature().replace('|', "\\|");
            let _ = writeln!(page, "| `{signature}` | {why} |");
        }
    }
    page
}

/// The overloads of each name, one name a row.
fn table(page: &mut String, title: &str, is_shown: impl Fn(&&'static Function) -> bool) {
    let _ = write!(page, "\n## {title}\n\n| Name | Overloads |\n|---|---|\n");
    let mut by_name: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for function in function::all().filter(is_shown) {
        let signature = function.signature().replace('|', "\\|");
        let overloads = by_name.entry(function.name).or_default();
        overloads.push(format!("`{signature}` {}", function.gives));
    }
    for (name, overloads) in by_name {
        let _ = writeln!(
            page,
            "| `{}` | {} |",
            name.replace('|', "\\|"),
            overloads.join(", ")
        );
    }
}
