//! A first pipeline file for a topic of Debezium's: from its records, or from the table that they
//! come from.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use gristmill_kafka::admin::Admin;
use gristmill_postgres::table::catalogue::Catalogue;
use gristmill_postgres::wire::connection::{Connection, Database};
use gristmill_sandbox::{Component, Limits, Sandbox};
use serde_json::{Map, Value, json};

use crate::authoring::draft::{self, Draft, DraftNames, Shape, SourceColumn, SourceTable};
use crate::definition::builtin;

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
        } => of_topic(bootstrap, properties, &named.topic, *limit).await?,
        InitSource::Database { url, table } => of_database(url, table).await?,
    };
    leave_out(&mut table, sandbox)?;
    Ok(Draft::new(named, &table))
}

async fn of_topic(
    bootstrap: &str,
    properties: &BTreeMap<String, String>,
    topic: &str,
    limit: usize,
) -> Result<SourceTable> {
    let admin = Admin::new(bootstrap, properties)?;
    let topic = topic.to_owned();
    let read = move || topic_events::newest(&admin, &topic, limit);
    let events = tokio::task::spawn_blocking(read).await??;
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
    if catalogue.key.is_empty() {
        notes.push(
            "the table has no primary key: its events have no key, and nothing tells rows apart"
                .to_owned(),
        );
    }
    let (identity, told) = replica_identity(&connection, name, &mut notes).await?;
    let key = identity_key(identity.as_str(), told, catalogue.key, name, &mut notes);
    let columns = catalogue.columns.iter();
    Ok(SourceTable {
        shape: Shape::Envelope,
        columns: columns.map(|(name, of)| column(name, of)).collect(),
        key,
        has_schemas: false,
        has_digits: false,
        has_log_places: true,
        has_full_before: identity == "f",
        notes,
    })
}

fn column(name: &str, of: &str) -> SourceColumn {
    let column = SourceColumn::certain(name, of);
    match of {
        "interval" => column.with_note(
            "with interval.handling.mode = string in the connector it is whole, else a month \
             counts as 30.4 days",
        ),
        _ => column,
    }
}

/// The columns that tell rows apart: those of which a delete's event says the truth.
fn identity_key(
    identity: &str,
    told: Vec<String>,
    key: Vec<String>,
    name: &str,
    notes: &mut Vec<String>,
) -> Vec<String> {
    if identity != "i" || told.is_empty() || told == key {
        return key;
    }
    notes.push(format!(
        "the table has REPLICA IDENTITY USING INDEX on ({columns}): a delete says those columns \
         alone, and makes up the rest, its record's key included. So they are the key here: let \
         the connector write keys of them (message.key.columns = {name}:{list}), or give the table \
         REPLICA IDENTITY DEFAULT or FULL and run this again",
        columns = told.join(", "),
        list = told.join(",")
    ));
    told
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
        if !is_read(&component, &column.type_name) {
            column.is_left_out = true;
            column.note = Some("left out: Debezium does not send it whole".to_owned());
        }
    }
    Ok(())
}

fn is_read(component: &Component, type_name: &str) -> bool {
    let mut columns = Map::new();
    columns.insert("key".to_owned(), "bigint".into());
    columns.insert("column".to_owned(), type_name.into());
    let config = json!({ "key": ["key"], "columns": Value::Object(columns) });
    component.open(&config).is_ok()
}
