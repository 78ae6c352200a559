//! A first pipeline file for a topic of Debezium's: from its records, or from the table that they
//! come from.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use gristmill_core::decode::{Format, Formats};
use gristmill_kafka::admin::Admin;
use gristmill_postgres::table::catalogue::Catalogue;
use gristmill_postgres::wire::connection::{Connection, Database};
use gristmill_sandbox::{Component, Limits, Sandbox};
use serde_json::{Map, Value, json};

use crate::authoring::draft::{
    self, Draft, DraftNames, RegistryNamed, Shape, SourceColumn, SourceTable,
};
use crate::definition::builtin;
use crate::definition::schemas::Schemas;

use super::lost_values::comes_as_null;
use super::topic_events;

/// What a first file is to be made from.
#[derive(Clone, Debug)]
pub enum InitSource {
    /// The newest records of the topic.
    Topic {
        bootstrap: String,
        /// Further properties of librdkafka.
        properties: BTreeMap<String, String>,
        /// At most so many.
        limit: usize,
        /// That of records in Avro.
        registry: Option<RegistryNamed>,
    },
    /// The catalogue of the source's database.
    Database {
        url: String,
        /// `table` or `schema.table`.
        table: String,
    },
}

/// The draft; nothing is written, in Kafka, in Postgres or on the disk.
pub async fn init(source: &InitSource, named: &DraftNames, sandbox: &Sandbox) -> Result<Draft> {
    let mut table = match source {
        InitSource::Topic {
            bootstrap,
            properties,
            limit,
            registry,
        } => {
            let schemas = registry.as_ref().map(schemas).transpose()?;
            of_topic(bootstrap, properties, &named.topic, *limit, schemas).await?
        }
        InitSource::Database { url, table } => of_database(url, table).await?,
    };
    leave_out(&mut table, sandbox)?;
    Ok(Draft::new(named, &table))
}

/// What the registry knows, of records in Avro.
fn schemas(registry: &RegistryNamed) -> Result<Schemas> {
    let mut section = json!({ "url": registry.url });
    if let Some(user) = &registry.user {
        let password = std::env::var("REGISTRY_PASSWORD");
        section["user"] = user.as_str().into();
        section["password"] = password.context("REGISTRY_PASSWORD is not set")?.into();
    }
    let section = serde_json::from_value(section)?;
    let formats = Formats {
        value: Format::Avro,
        key: Format::Avro,
        ..Formats::default()
    };
    Ok(Schemas::unkept(&section, formats))
}

async fn of_topic(
    bootstrap: &str,
    properties: &BTreeMap<String, String>,
    topic: &str,
    limit: usize,
    schemas: Option<Schemas>,
) -> Result<SourceTable> {
    let admin = Admin::new(bootstrap, properties)?;
    let topic = topic.to_owned();
    let read = move || topic_events::newest(&admin, &topic, limit);
    let events = tokio::task::spawn_blocking(read).await??;
    let events = match &schemas {
        None => events,
        Some(schemas) => {
            schemas.probe().await?;
            topic_events::in_json(schemas, &events)
        }
    };
    draft::of_records(events.iter().map(|event| &event.record))
}

async fn of_database(url: &str, name: &str) -> Result<SourceTable> {
    let database = Database::new(url, "gristmill/init").context("--from-database")?;
    let connection = database.connect().await?;
    let catalogue = Catalogue::load(&connection, name).await?;
    let catalogue = catalogue.with_context(|| {
        format!(
            "there is no table {name} in {}: name it as psql finds it",
            database.place()
        )
    })?;
    ensure!(
        !catalogue.columns.is_empty(),
        "the table {name} has no column"
    );
    let mut notes = vec![format!("of the table {name} in {}", database.place())];
    let (identity, told) = replica_identity(&connection, name, &mut notes).await?;
    let key = identity_key(told, catalogue.key, name, &mut notes);
    let is_full = identity == "f";
    let columns = catalogue.columns.iter();
    Ok(SourceTable {
        shape: Shape::Envelope,
        columns: columns
            .map(|(name, of)| column(name, of, is_full))
            .collect(),
        key,
        has_schemas: false,
        has_digits: false,
        has_log_places: true,
        has_full_before: is_full,
        notes,
    })
}

/// A column of the source; `is_full`: its events have the whole row before.
fn column(name: &str, of: &str, is_full: bool) -> SourceColumn {
    let column = SourceColumn::certain(name, of);
    match of.strip_suffix("[]").unwrap_or(of) {
        "interval" if of == "interval" => column.with_note(
            "with interval.handling.mode = string in the connector it is whole, else a month \
             counts as 30.4 days",
        ),
        // Seen of Debezium 3.6.1.
        "interval" | "money" if of.ends_with("[]") => left_out(column),
        name if name.ends_with("multirange") => left_out(column),
        "bytea" if of == "bytea" && !is_full => column.with_note(
            "where the connector has binary.handling.mode = base64 or base64-url-safe, a large \
             value that a change leaves as it is comes as null: leave that out, or give the \
             source table REPLICA IDENTITY FULL",
        ),
        items if of.ends_with("[]") && !is_full && comes_as_null(items) => column.with_note(
            "a large list that a change leaves as it is comes as null (Debezium sends no \
             placeholder): give the source table REPLICA IDENTITY FULL",
        ),
        _ => column,
    }
}

fn left_out(column: SourceColumn) -> SourceColumn {
    SourceColumn {
        is_left_out: true,
        ..column.with_note("left out: Debezium does not send it")
    }
}

/// The columns that tell rows apart: those of which a delete's event says the truth. `told` are
/// those of the index that is the replica identity.
fn identity_key(
    told: Vec<String>,
    key: Vec<String>,
    name: &str,
    notes: &mut Vec<String>,
) -> Vec<String> {
    let columns = told.join(", ");
    match (key.is_empty(), told.is_empty()) {
        (true, true) => notes.push(
            "the table has no primary key: its events have no key, and nothing tells rows apart"
                .to_owned(),
        ),
        (true, false) => notes.push(format!(
            "the table has no primary key: the index of its REPLICA IDENTITY, on ({columns}), \
             tells rows apart"
        )),
        (false, false) if told != key => notes.push(format!(
            "the table has REPLICA IDENTITY USING INDEX on ({columns}): a delete says those \
             columns alone, and makes up the rest, its record's key included. So they are the key \
             here: let the connector write keys of them (message.key.columns = {name}:{list}), or \
             give the table REPLICA IDENTITY DEFAULT or FULL and run this again",
            list = told.join(",")
        )),
        _ => {}
    }
    match told.is_empty() {
        true => key,
        false => told,
    }
}

/// The replica identity, as `pg_class.relreplident` has it, and the columns of its index, where it
/// is one. Notes what else decides about events.
async fn replica_identity(
    connection: &Connection,
    name: &str,
    notes: &mut Vec<String>,
) -> Result<(String, Vec<String>)> {
    let sql = "select c.relreplident::text, pg_catalog.current_setting('wal_level'), \
                 array(select a.attname::text \
                   from pg_index i \
                     cross join lateral unnest(i.indkey) with ordinality as k (num, place) \
                     join pg_attribute a on a.attrelid = c.oid and a.attnum = k.num \
                   where i.indrelid = c.oid and i.indisreplident order by k.place) \
               from pg_class c where c.oid = pg_catalog.to_regclass($1)::oid";
    let row = connection.query_one(sql, &[&name]).await;
    let row = row.context("cannot read the table's replica identity")?;
    let (identity, wal_level): (String, String) = (row.get(0), row.get(1));
    if wal_level != "logical" {
        notes.push(format!(
            "the server has wal_level = {wal_level}: Debezium needs logical"
        ));
    }
    if identity == "n" {
        notes.push(
            "the table has REPLICA IDENTITY NOTHING: updates and deletes have no event".to_owned(),
        );
    }
    Ok((identity, row.get(2)))
}

/// Leaves out what the normalizer cannot read: it knows what Debezium sends.
fn leave_out(table: &mut SourceTable, sandbox: &Sandbox) -> Result<()> {
    const NORMALIZER: &str = "normalize-debezium";
    let bytes = builtin::named_component(NORMALIZER)?;
    let component = sandbox.load(NORMALIZER, bytes, &Limits::default())?;
    for column in &mut table.columns {
        if !column.is_left_out && !is_read(&component, &column.type_name) {
            column.is_left_out = true;
            column.note = Some("left out: Debezium does not send it whole".to_owned());
        }
    }
    let is_key = |column: &&SourceColumn| table.key.contains(&column.name);
    let keys = table.columns.iter().filter(is_key);
    let no_keys = keys.filter(|c| c.is_left_out || !is_key_read(&component, &c.type_name));
    let notes: Vec<String> = no_keys
        .map(|column| {
            format!(
                "the key has {}, of type {}, of which a value has no one form: such a row cannot \
                 be found again. Let other columns be the key, by `key` in the transform's config \
                 and a unique index in the target",
                column.name, column.type_name
            )
        })
        .collect();
    table.notes.extend(notes);
    Ok(())
}

fn is_read(component: &Component, type_name: &str) -> bool {
    opens(
        component,
        "key",
        &[("key", "bigint"), ("column", type_name)],
    )
}

fn is_key_read(component: &Component, type_name: &str) -> bool {
    opens(component, "column", &[("column", type_name)])
}

fn opens(component: &Component, key: &str, columns: &[(&str, &str)]) -> bool {
    let columns = columns
        .iter()
        .map(|(name, of)| ((*name).to_owned(), (*of).into()));
    let columns: Map<String, Value> = columns.collect();
    let config = json!({ "key": [key], "columns": columns });
    component.open(&config).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_key_is_what_a_delete_says() {
        for (told, key, expected, words) in [
            (&[][..], &["id"][..], &["id"][..], ""),
            (&["id"], &["id"], &["id"], ""),
            (
                &["email"],
                &["id"],
                &["email"],
                "message.key.columns = s.t:email",
            ),
            (
                &["email"],
                &[],
                &["email"],
                "the index of its REPLICA IDENTITY",
            ),
            (&[], &[], &[], "nothing tells rows apart"),
        ] {
            let mut notes = Vec::new();
            let found = identity_key(names(told), names(key), "s.t", &mut notes);
            assert_eq!(found, names(expected));
            assert!(notes.concat().contains(words), "{notes:?}");
            assert_eq!(notes.is_empty(), words.is_empty(), "{notes:?}");
        }
    }

    #[test]
    fn what_is_not_sent_is_left_out_and_what_comes_as_null_is_told() {
        let left_out = |of| column("c", of, false).is_left_out;
        assert!(left_out("interval[]") && left_out("money[]") && left_out("int4multirange"));
        assert!(!left_out("interval") && !left_out("text[]"));
        let is_told = |of, is_full| column("c", of, is_full).note.is_some();
        for of in ["numeric(12,2)[]", "bytea[]", "timestamp with time zone[]"] {
            assert!(is_told(of, false) && !is_told(of, true), "{of}");
        }
        assert!(is_told("bytea", false) && !is_told("bytea", true));
        assert!(is_told("interval", true) && !is_told("text[]", false));
    }
}
