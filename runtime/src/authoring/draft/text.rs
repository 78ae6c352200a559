//! A draft as text: a pipeline file and the SQL of its table.

use std::fmt::Write;

use gristmill_postgres::table::identifier::{identifier, quote};

use super::source_table::{Shape, SourceColumn, SourceTable};

/// What things are to be called.
#[derive(Clone, Debug)]
pub struct DraftNames {
    pub pipeline: String,
    pub topic: String,
    pub bootstrap: String,
    /// `table` or `schema.table`.
    pub table: String,
    /// The command that writes the draft.
    pub command: String,
    /// Where the schemas of its records are, which are in Avro then.
    pub registry: Option<RegistryNamed>,
}

/// A schema registry.
#[derive(Clone, Debug)]
pub struct RegistryNamed {
    pub url: String,
    /// Who asks it, with the password in `REGISTRY_PASSWORD`.
    pub user: Option<String>,
}

/// A pipeline file and the SQL of its table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// `NAME.toml` holds it.
    pub file: String,
    /// `NAME.sql` holds it.
    pub ddl: String,
    /// What a person has to look at, a sentence each. It stands in both as comments, too.
    pub unsure: Vec<String>,
}

impl Draft {
    /// The draft of a pipeline that mirrors `table`.
    pub fn new(named: &DraftNames, table: &SourceTable) -> Self {
        let columns = table.columns.iter();
        let mut unsure: Vec<String> = table.notes.iter().map(|note| one_line(note)).collect();
        unsure.extend(columns.filter_map(|column| {
            let note = column.note.as_ref()?;
            Some(one_line(&format!("{}: {note}", column.name)))
        }));
        Self {
            file: file(named, table),
            ddl: ddl(named, table),
            unsure,
        }
    }
}

fn comments(out: &mut String, mark: &str, lines: &[String]) {
    for line in lines {
        let _ = writeln!(out, "{mark} {}", one_line(line));
    }
}

/// Text that ends no comment. A carriage return ends one of Postgres', and TOML's may hold no
/// control character. Names come from the topic, and whoever writes to it must not write SQL.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// A TOML string.
fn string(text: &str) -> String {
    // JSON's escapes are TOML's, too.
    serde_json::Value::from(text).to_string()
}

fn file(named: &DraftNames, table: &SourceTable) -> String {
    let DraftNames {
        pipeline,
        topic,
        bootstrap,
        table: target,
        command,
        registry,
    } = named;
    let mut out = format!("# Written by `{command}`.\n");
    comments(&mut out, "#", &table.notes);
    let _ = write!(
        out,
        "\n[pipeline]\nname = {}\n\n[source]\nbootstrap = {}\ntopic = {}\n",
        string(pipeline),
        string(&format!("${{KAFKA_BOOTSTRAP:-{bootstrap}}}")),
        string(topic),
    );
    if table.shape == (Shape::Flat { has_deletes: false }) {
        out.push_str(
            "tombstone = \"delete\"              # a delete is a record without a value\n",
        );
    }
    if registry.is_some() {
        out.push_str("value_format = \"avro\"\n");
    }
    let has_decimals = table.columns.iter().any(|column| {
        column.type_name.starts_with("numeric") || column.type_name.starts_with("money")
    });
    if !table.has_schemas && has_decimals && !table.has_digits {
        out.push_str(
            "json_decimals = \"base64\"          # as without decimal.handling.mode = string\n",
        );
    }
    if let Some(RegistryNamed { url, user }) = registry {
        let _ = write!(
            out,
            "\n[source.registry]\nurl = {}\n",
            string(&format!("${{REGISTRY_URL:-{url}}}"))
        );
        if let Some(user) = user {
            let _ = writeln!(
                out,
                "user = {}\npassword = \"${{REGISTRY_PASSWORD}}\"",
                string(user)
            );
        }
    }
    out.push_str(
        "\n[[transform]]\nname = \"normalize\"\n\
         # Columns and key are those of the target's table.\n\
         component = \"builtin:normalize-debezium\"\n",
    );
    out.push_str(&config(table));
    let _ = write!(
        out,
        "\n[target]\nurl = \"${{DATABASE_URL:-postgres://app@localhost/appdb}}\"\ntable = {}\n\
         ddl = {}\ndelete = \"hard\"                    # or \"soft\": the row stays, flagged\n",
        string(target),
        string(&format!("{pipeline}.sql")),
    );
    out
}

/// The columns that the normalizer fills by itself, behind the properties that name them.
pub const OWN_NAMES: [(&str, &str); 2] = [
    ("event_time_column", "_event_time"),
    ("deleted_column", "_deleted"),
];

fn has_column(table: &SourceTable, name: &str) -> bool {
    table.columns.iter().any(|column| column.name == name)
}

/// The normalizer's config, where it is not the default.
fn config(table: &SourceTable) -> String {
    let mut lines = Vec::new();
    if matches!(table.shape, Shape::Flat { .. }) {
        lines.push("shape = \"flat\"".to_owned());
    }
    let version = match table.shape {
        // A delete without a value has no place in the log.
        Shape::Flat { has_deletes: true } if table.has_log_places => Some("postgres"),
        Shape::Envelope if !table.has_log_places => Some("offset"),
        _ => None,
    };
    if table.has_full_before {
        lines.push("before = \"full\"                    # REPLICA IDENTITY FULL".to_owned());
    }
    lines.extend(version.map(|version| format!("version = \"{version}\"")));
    let clashes = OWN_NAMES.iter().filter(|(_, name)| has_column(table, name));
    lines.extend(clashes.map(|(property, name)| {
        let mut free = format!("{name}_");
        while has_column(table, &free) {
            free.push('_');
        }
        format!("{property} = \"{free}\"     # {name} is a column of the row")
    }));
    match lines.is_empty() {
        true => String::new(),
        false => format!("\n[transform.config]\n{}\n", lines.join("\n")),
    }
}

/// Columns that nothing but gristmill fills.
const OWN: &str = "    -- Gristmill's own: version, revision, which cells nobody knows, and, where \
                   deletes are soft,\n    -- whether the row was deleted.\n    _gm_version \
                   bytea,\n    _gm_revision int,\n    _gm_absent bytea,\n    _gm_deleted boolean \
                   default false";

fn ddl(named: &DraftNames, table: &SourceTable) -> String {
    let mut out = format!("-- Written by `{}`.\n", named.command);
    comments(&mut out, "--", &table.notes);
    let _ = writeln!(out, "create table {} (", identifier(&named.table));
    for column in &table.columns {
        out.push_str(&line(column, table.key.contains(&column.name)));
    }
    out.push_str(OWN);
    if !table.key.is_empty() {
        let key: Vec<_> = table.key.iter().map(|name| quote(name)).collect();
        let _ = write!(out, ",\n    primary key ({})", key.join(", "));
    }
    out.push_str("\n);\n");
    out
}

fn line(column: &SourceColumn, is_key: bool) -> String {
    let note = column.note.as_ref();
    let note = note.map(|note| format!(" -- {}", one_line(note)));
    let note = note.unwrap_or_default();
    let null = if is_key { " not null" } else { "" };
    let definition = format!("{} {}{null}", quote(&column.name), column.type_name);
    match column.is_left_out {
        true => format!("    -- {},{note}\n", one_line(&definition)),
        false => format!("    {definition},{note}\n"),
    }
}
