//! What gristmill keeps in Postgres, from the numbered files of `schema/` and their comments.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use gristmill_tests::program::repository;

use super::markdown::{item, paragraph};

const HEAD: &str = "# Tables

Gristmill keeps these tables in the schema `gristmill` of the target's database.
`gristmill schema apply` creates them. You may read them; gristmill alone writes them.
";

/// A table, and what the comments say of it.
struct Table {
    name: String,
    about: String,
    columns: Vec<Column>,
    key: Option<String>,
}

/// Of a table, or a function, whose kind is what it returns.
struct Column {
    name: String,
    kind: String,
    about: String,
}

const FUNCTIONS: &str = "
## Functions

About what the column `_gm_version` of a target holds.

";

pub(super) fn page() -> Result<String> {
    let (mut tables, mut functions) = (Vec::new(), Vec::new());
    for file in files()? {
        let sql = std::fs::read_to_string(&file)?;
        for statement in statements(&sql) {
            read(&statement, &mut tables)
                .and_then(|()| read_function(&statement, &mut functions))
                .with_context(|| format!("{}: {statement}", file.display()))?;
        }
    }
    ensure!(tables.len() > 5, "only {} tables were found", tables.len());
    let mut page = HEAD.to_owned();
    for table in &tables {
        ensure!(!table.about.is_empty(), "{} has no comment", table.name);
        page += &format!("\n## {}\n\n{}\n", table.name, paragraph(&table.about));
        if let Some(key) = &table.key {
            page += &format!("{}\n", paragraph(&format!("Primary key: `{key}`.")));
        }
        page.extend(table.columns.iter().map(line));
    }
    page += FUNCTIONS;
    page.extend(functions.iter().map(line));
    Ok(page)
}

fn line(Column { name, kind, about }: &Column) -> String {
    let about = match about.is_empty() {
        true => String::new(),
        false => format!(": {about}"),
    };
    item(0, &format!("**`{name}`** {kind}{about}"))
}

/// The numbered files, in the order in which they are applied.
fn files() -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(repository().join("schema"))?;
    let paths: Result<Vec<_>, _> = entries.map(|entry| entry.map(|e| e.path())).collect();
    let is_numbered = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(|c: char| c.is_ascii_digit())
    };
    let mut numbered: Vec<_> = paths?.into_iter().filter(is_numbered).collect();
    numbered.sort();
    Ok(numbered)
}

/// The statements without the comments of the file itself. A semicolon may stand in a text.
fn statements(sql: &str) -> Vec<String> {
    let lines = sql
        .lines()
        .filter(|line| !line.trim_start().starts_with("--"));
    let (mut statements, mut statement, mut in_text) = (Vec::new(), String::new(), false);
    for c in lines.collect::<Vec<_>>().join("\n").chars() {
        in_text ^= c == '\'';
        if c == ';' && !in_text {
            statements.push(statement.trim().to_owned());
            statement.clear();
        } else {
            statement.push(c);
        }
    }
    statements
}

fn read(statement: &str, tables: &mut Vec<Table>) -> Result<()> {
    if let Some(rest) = statement.strip_prefix("create table gristmill.") {
        let (name, rest) = rest.split_once(" (\n").context("columns are missing")?;
        let (lines, _) = rest.rsplit_once("\n)").context("columns have no end")?;
        let mut table = Table {
            name: name.to_owned(),
            about: String::new(),
            columns: Vec::new(),
            key: None,
        };
        for line in lines.lines() {
            let line = line.trim().trim_end_matches(',');
            match line
                .strip_prefix("primary key (")
                .and_then(|l| l.strip_suffix(')'))
            {
                Some(key) => table.key = Some(key.replace('"', "")),
                None => table.columns.push(column(line)?),
            }
        }
        tables.push(table);
    } else if let Some(rest) = statement.strip_prefix("alter table gristmill.") {
        let (name, changes) = rest.split_once(char::is_whitespace).context("no change")?;
        let table = find(tables, name)?;
        for change in changes.split(",\n") {
            alter(table, change.trim())?;
        }
    } else if let Some(rest) = statement.strip_prefix("comment on table gristmill.") {
        let (name, text) = rest.split_once(" is").context("no comment")?;
        find(tables, name)?.about = text_of(text)?;
    } else if let Some(rest) = statement.strip_prefix("comment on column gristmill.") {
        let (name, text) = rest.split_once(" is").context("no comment")?;
        let (table, name) = name.split_once('.').context("no column")?;
        let mut columns = find(tables, table)?.columns.iter_mut();
        let column = columns.find(|column| column.name == name);
        column.context("no such column")?.about = text_of(text)?;
    }
    Ok(())
}

fn alter(table: &mut Table, change: &str) -> Result<()> {
    if let Some(added) = change.strip_prefix("add column ") {
        table.columns.push(column(added)?);
    } else if let Some(key) = change.strip_prefix("add primary key (") {
        table.key = Some(key.trim_end_matches(')').replace('"', ""));
    } else if let Some(added) = change.strip_prefix("add constraint ") {
        // In the place of the one that the column was made with.
        let (name, check) = added.split_once(char::is_whitespace).context("no check")?;
        let is_its = |c: &&mut Column| format!("{}_{}_check", table.name, c.name) == name;
        let column = table
            .columns
            .iter_mut()
            .find(is_its)
            .context(added.to_owned())?;
        let kind = column.kind.split(" check ").next().unwrap_or_default();
        column.kind = format!("{kind} {}", check.trim());
    }
    Ok(())
}

fn read_function(statement: &str, functions: &mut Vec<Column>) -> Result<()> {
    if let Some(rest) = statement.strip_prefix("create function gristmill.") {
        let head = rest.lines().next().unwrap_or_default();
        let (name, kind) = head.split_once(" returns ").context("it returns nothing")?;
        functions.push(Column {
            name: name.to_owned(),
            kind: kind.to_owned(),
            about: String::new(),
        });
    } else if let Some(rest) = statement.strip_prefix("comment on function gristmill.") {
        let (name, text) = rest.split_once(" is").context("no comment")?;
        let mut functions = functions.iter_mut();
        let function = functions.find(|f| f.name.starts_with(&format!("{name}(")));
        function.context("no such function")?.about = text_of(text)?;
    }
    Ok(())
}

fn find<'t>(tables: &'t mut [Table], name: &str) -> Result<&'t mut Table> {
    let table = tables.iter_mut().find(|table| table.name == name);
    table.with_context(|| format!("there is no table {name}"))
}

fn column(line: &str) -> Result<Column> {
    let (name, kind) = line.split_once(' ').context("a column without a type")?;
    Ok(Column {
        name: name.replace('"', ""),
        kind: kind.replace("references gristmill.", "references "),
        about: String::new(),
    })
}

/// A text of SQL without its quotes. Pieces on lines of their own are one text.
fn text_of(quoted: &str) -> Result<String> {
    let pieces: Vec<&str> = quoted.trim().lines().map(str::trim).collect();
    let joined = pieces.join("\n").replace("'\n'", "");
    let inner = joined.strip_prefix('\'').and_then(|t| t.strip_suffix('\''));
    Ok(inner.context("no text")?.replace("''", "'"))
}
