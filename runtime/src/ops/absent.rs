//! Rows with cells that nobody knows, and what makes the source send them again.

use anyhow::{Context, Result, ensure};
use gristmill_postgres::fleet::definition_store;
use gristmill_postgres::table::absent_rows::{self, AbsentRow};
use gristmill_postgres::table::identifier::quote;
use gristmill_sandbox::Sandbox;
use serde::Serialize;
use serde_json::json;

use super::opened::Opened;

/// The rows of a pipeline's table that have unknown cells.
#[derive(Clone, Debug, Serialize)]
pub struct Absent {
    pub table: String,
    /// The columns of the key.
    pub key: Vec<String>,
    /// How many such rows there are in all.
    pub all: i64,
    pub rows: Vec<UnknownCells>,
    /// SQL for the source's database, which makes Debezium send `rows` again.
    pub signal: Option<String>,
}

/// A row, and the columns of it that nobody knows.
#[derive(Clone, Debug, Serialize)]
pub struct UnknownCells {
    pub key: Vec<String>,
    pub columns: Vec<String>,
}

/// Reads up to `limit` of them. `source_table` is what the source's database calls the table, and
/// `signal_table` where its connector looks for signals. An error where the table has no column
/// that says what is unknown.
pub async fn absent(
    opened: Opened,
    sandbox: &Sandbox,
    limit: i64,
    source_table: Option<&str>,
    signal_table: &str,
) -> Result<Absent> {
    let name = opened.name().to_owned();
    let (pipeline, database) = opened.load(sandbox).await?;
    let connection = database.connect().await?;
    let target = pipeline.target(&connection).await;
    let target = target.with_context(|| format!("in the postgres at {}", database.place()))?;
    let roles = pipeline.roles();
    let key = roles.key.clone();
    // Of a pipeline that never ran no column came later.
    let active = definition_store::active(&connection, &name).await?;
    let revision = (name.as_str(), active.map_or(0, |(_, revision)| revision));
    let columns = (&key[..], roles.deleted.as_deref());
    let found = absent_rows::read(&connection, &target, revision, columns, limit).await?;
    let found = found.with_context(|| {
        format!(
            "the table {} has no column _gm_absent, which says what is unknown: alter table {} add \
             column _gm_absent bytea",
            target.name, target.sql_name
        )
    })?;
    ensure!(limit > 0, "--limit is {limit}: say at least 1");
    let topic = &pipeline.config.source.topic;
    let source_table = source_table.map_or_else(|| table_of_topic(topic), str::to_owned);
    let signal =
        (!found.rows.is_empty()).then(|| signal(signal_table, &source_table, &key, &found.rows));
    let unknown = |row: AbsentRow| UnknownCells {
        key: row.key,
        columns: row.columns,
    };
    Ok(Absent {
        table: target.name,
        key,
        all: found.all,
        rows: found.rows.into_iter().map(unknown).collect(),
        signal,
    })
}

/// Debezium calls a topic by a prefix, the schema and the table.
fn table_of_topic(topic: &str) -> String {
    let mut parts = topic.rsplitn(3, '.');
    match (parts.next(), parts.next()) {
        (Some(table), Some(schema)) => format!("{schema}.{table}"),
        _ => topic.to_owned(),
    }
}

/// See "Signalling" and "Ad hoc incremental snapshots" in Debezium's documentation.
fn signal(signal_table: &str, source_table: &str, key: &[String], rows: &[AbsentRow]) -> String {
    let columns: Vec<String> = key.iter().map(|name| quote(name)).collect();
    let tuple = |row: &AbsentRow| {
        let values: Vec<String> = row.key.iter().map(|value| literal(value)).collect();
        match values.as_slice() {
            [only] => only.clone(),
            several => format!("({})", several.join(", ")),
        }
    };
    let rows: Vec<String> = rows.iter().map(tuple).collect();
    let columns = match columns.as_slice() {
        [only] => only.clone(),
        several => format!("({})", several.join(", ")),
    };
    let data = json!({
        "type": "incremental",
        "data-collections": [source_table],
        "additional-conditions": [{
            "data-collection": source_table,
            "filter": format!("{columns} in ({})", rows.join(", ")),
        }],
    });
    format!(
        "insert into {signal_table} (id, type, data)\nvalues (gen_random_uuid()::text, \
         'execute-snapshot', {});",
        literal(&data.to_string())
    )
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signal_is_sql_whose_filter_is_sql_in_json() {
        let row = |key: &[&str]| AbsentRow {
            key: key.iter().map(|value| (*value).to_owned()).collect(),
            columns: Vec::new(),
        };
        let text = signal(
            "debezium_signal",
            "public.users",
            &["id".to_owned()],
            &[row(&["1"]), row(&["o'neil"])],
        );
        let filter = r#""filter":"\"id\" in (''1'', ''o''''neil'')""#;
        assert!(text.contains(filter), "{text}");
        let key = ["a".to_owned(), "b".to_owned()];
        let text = signal("debezium_signal", "public.users", &key, &[row(&["1", "2"])]);
        assert!(
            text.contains(r#"(\"a\", \"b\") in ((''1'', ''2''))"#),
            "{text}"
        );
    }

    #[test]
    fn a_topic_names_its_table_last() {
        assert_eq!(table_of_topic("app.public.users"), "public.users");
        assert_eq!(table_of_topic("users"), "users");
    }
}
