//! The logical types, from the table in the core.

use gristmill_core::column::type_table::TYPES;

use super::markdown::{item, paragraph};

const HEAD: &str = "# Types

A column has a **logical type**: a transform's plan says it, and `columns` of `normalize-cdc`. It
decides how a value is read from a record and to which columns of the target it can be written. A
value that is of another type, or would lose digits, makes its record a dead letter `wrong-type`.

Where a record lies in the wrapper of Connect's JSON converter, its schema says in which unit and
form a value stands, and it is converted. Without one a number is in the declared unit, and
`json_decimals` and `json_bytes` of [the pipeline file](pipeline-file.md) say what text is.

";

pub(super) fn page() -> String {
    let mut page = HEAD.to_owned();
    for entry in TYPES {
        page += &format!("## `{}`\n\n", entry.name);
        page += &paragraph(entry.meaning);
        page += "\n";
        page += &item(0, &format!("**In JSON**: {}", entry.json));
        if !entry.schemas.is_empty() {
            page += &item(0, &format!("**Of schemas**: {}.", quoted(entry.schemas)));
        }
        page += &item(0, &format!("**Columns**: {}.", quoted(entry.columns)));
        let examples = entry.examples.iter().map(|(json, read)| match *read {
            "none" => format!("`{json}` is refused"),
            read if read == *json => format!("`{json}` as it is"),
            read => format!("`{json}` is `{read}`"),
        });
        let examples: Vec<String> = examples.collect();
        page += &item(0, &format!("**Examples**: {}.", examples.join("; ")));
        page += "\n";
    }
    page.trim_end().to_owned() + "\n"
}

fn quoted(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
