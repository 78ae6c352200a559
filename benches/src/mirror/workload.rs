//! Change events as Debezium writes them for a table of nine columns, made up.

use std::collections::HashMap;

use anyhow::Result;
use gristmill_tests::topic::Message;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

/// The target, and the source: the same table.
pub(super) const TABLE: &str = "
    create table accounts (
        id bigint primary key, name text, email text, country_code text, visits int not null,
        is_active boolean not null, score double precision, created_at timestamp(6) not null,
        note text
    )";

/// Partitions of the topic.
pub(super) const PARTITIONS: i64 = 2;

/// Ids of the last rows, one in each partition: above all others.
pub(super) const LAST_ID: i64 = 2_000_000_000;

/// When the first change is committed, microseconds.
const BEGINS_US: i64 = 1_795_782_648_000_000;

/// How often Zipf's law lets the hottest key come: exponent 0.99, as YCSB has it.
const ZIPF: f64 = 0.99;

/// What is in the topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Workload {
    /// Inserts, updates and deletes, keys even, without schemas: 600 bytes an event.
    Json,
    /// The same with the whole row before each change: `replica identity full`.
    WholeBefore,
    /// As the first, each record with its schema: 3 KB.
    Schema,
    /// The same with schemas, a few keys in most events.
    HotKeys,
    /// A snapshot: each row once, with schemas, into an empty table.
    InitialLoad,
}

impl Workload {
    pub(super) const ALL: [Self; 5] = [
        Self::Json,
        Self::WholeBefore,
        Self::Schema,
        Self::HotKeys,
        Self::InitialLoad,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::WholeBefore => "json_whole_before",
            Self::Schema => "json_schema",
            Self::HotKeys => "hot_keys",
            Self::InitialLoad => "initial_load",
        }
    }

    pub(super) fn has_schema(self) -> bool {
        !matches!(self, Self::Json | Self::WholeBefore)
    }

    /// Whether each change tells the row before it, where there was one.
    pub(super) fn has_before(self) -> bool {
        matches!(self, Self::WholeBefore | Self::InitialLoad)
    }
}

/// Makes the events one by one, and knows what the table must hold.
pub(super) struct Source {
    workload: Workload,
    random: SmallRng,
    /// The chance of each key or one before it.
    cumulated: Vec<f64>,
    keys: i64,
    /// The visits of the rows that are there.
    rows: HashMap<i64, i64>,
    made: i64,
    schema: Option<(String, String)>,
}

impl Source {
    /// Keys are 0 to `keys`; an initial load has as many as it has events.
    pub(super) fn new(workload: Workload, keys: i64) -> Self {
        let mut all = 0.0;
        let cumulated = (1..=keys).map(|rank| {
            all += match workload {
                Workload::HotKeys => (rank as f64).powf(-ZIPF),
                _ => 1.0,
            };
            all
        });
        Self {
            workload,
            random: SmallRng::seed_from_u64(7),
            cumulated: cumulated.collect(),
            keys,
            rows: HashMap::new(),
            made: 0,
            schema: workload.has_schema().then(schemas),
        }
    }

    /// How many rows there are, and the sum of their visits.
    pub(super) fn expected(&self) -> (i64, i64) {
        (self.rows.len() as i64, self.rows.values().sum())
    }

    /// The next record.
    pub(super) fn next(&mut self) -> Result<Message> {
        let (id, op) = match self.workload {
            Workload::InitialLoad => (self.made, "r"),
            _ => self.change(),
        };
        self.record(id, op)
    }

    /// The last record of the partition.
    pub(super) fn last(&mut self, partition: i64) -> Result<Message> {
        self.record(LAST_ID + partition, "c")
    }

    fn change(&mut self) -> (i64, &'static str) {
        let all = self.cumulated.last().copied().unwrap_or_default();
        let drawn = self.random.random::<f64>() * all;
        let rank = self.cumulated.partition_point(|chance| *chance < drawn) as i64;
        // Neighbours in rank are no neighbours in the table.
        let id = rank.min(self.keys - 1) * 7_919 % self.keys;
        match self.rows.contains_key(&id) {
            false => (id, "c"),
            true if self.random.random_range(0..50) == 0 => (id, "d"),
            true => (id, "u"),
        }
    }

    fn record(&mut self, id: i64, op: &'static str) -> Result<Message> {
        let visits = self.rows.get(&id).map_or(1, |visits| visits + 1);
        match op {
            "d" => self.rows.remove(&id),
            _ => self.rows.insert(id, visits),
        };
        let value = self.event(id, op, visits);
        self.made += 1;
        let key = json!({ "id": id });
        let (key, value) = match &self.schema {
            Some((of_key, of_value)) => (wrapped(of_key, &key), wrapped(of_value, &value)),
            None => (key.to_string(), value.to_string()),
        };
        let mut message = Message::new((id % PARTITIONS) as i32, value);
        message.key = Some(key.into_bytes());
        Ok(message)
    }

    fn event(&mut self, id: i64, op: &str, visits: i64) -> Value {
        let at_us = BEGINS_US + self.made * 100;
        let lsn = 26_929_528 + self.made * 200;
        let before = match (op, self.workload.has_before()) {
            ("u" | "d", true) => row(id, visits - 1),
            // As `replica identity default` has it: the key, and what was made up for the rest.
            ("d", false) => json!({
                "id": id, "name": null, "email": null, "country_code": null, "visits": 0,
                "is_active": false, "score": null, "created_at": 0, "note": null,
            }),
            _ => Value::Null,
        };
        let after = match op {
            "d" => Value::Null,
            _ => row(id, visits),
        };
        let snapshot = if op == "r" { "true" } else { "false" };
        json!({
            "before": before,
            "after": after,
            "source": {
                "version": "3.6.1.Final", "connector": "postgresql", "name": "app",
                "ts_ms": at_us / 1_000, "snapshot": snapshot, "db": "appdb",
                "sequence": format!("[\"{}\",\"{lsn}\"]", lsn - 100), "ts_us": at_us,
                "ts_ns": at_us * 1_000, "schema": "public", "table": "accounts", "txId": 753,
                "lsn": lsn, "xmin": null, "origin": null, "origin_lsn": null,
            },
            "transaction": null,
            "op": op, "ts_ms": at_us / 1_000, "ts_us": at_us, "ts_ns": at_us * 1_000,
        })
    }
}

/// The row with its `visits`.
fn row(id: i64, visits: i64) -> Value {
    json!({
        "id": id, "name": format!("Daniel Kim {id}"), "email": format!("user{id}@contoso.com"),
        "country_code": "US", "visits": visits, "is_active": visits % 3 != 0,
        "score": visits as f64 * 0.5, "created_at": BEGINS_US + id * 1_000,
        "note": "met at the fair, call again in spring",
    })
}

fn wrapped(schema: &str, payload: &Value) -> String {
    format!(r#"{{"schema":{schema},"payload":{payload}}}"#)
}

fn field(name: &str, of_type: &str, optional: bool) -> Value {
    json!({ "type": of_type, "optional": optional, "field": name })
}

/// The schemas of key and value, as Connect's JsonConverter writes them.
fn schemas() -> (String, String) {
    let mut created_at = field("created_at", "int64", false);
    created_at["name"] = json!("io.debezium.time.MicroTimestamp");
    created_at["version"] = json!(1);
    let row = [
        field("id", "int64", false),
        field("name", "string", true),
        field("email", "string", true),
        field("country_code", "string", true),
        field("visits", "int32", false),
        field("is_active", "boolean", false),
        field("score", "double", true),
        created_at,
        field("note", "string", true),
    ];
    let image = |name: &str| {
        json!({
            "type": "struct", "fields": row, "optional": true,
            "name": "app.public.accounts.Value", "field": name,
        })
    };
    let text = [
        "version",
        "connector",
        "name",
        "snapshot",
        "db",
        "sequence",
        "schema",
        "table",
    ];
    let number = [
        "ts_ms",
        "ts_us",
        "ts_ns",
        "txId",
        "lsn",
        "xmin",
        "origin_lsn",
    ];
    let texts = text.iter().map(|name| field(name, "string", true));
    let numbers = number.iter().map(|name| field(name, "int64", true));
    let source = texts
        .chain(numbers)
        .chain([field("origin", "string", true)]);
    let source = json!({
        "type": "struct", "fields": source.collect::<Vec<_>>(), "optional": false,
        "name": "io.debezium.connector.postgresql.Source", "version": 1, "field": "source",
    });
    let transaction = json!({
        "type": "struct", "optional": true, "name": "event.block", "version": 1,
        "field": "transaction",
        "fields": [
            field("id", "string", false),
            field("total_order", "int64", false),
            field("data_collection_order", "int64", false),
        ],
    });
    let value = json!({
        "type": "struct", "optional": false, "name": "app.public.accounts.Envelope", "version": 2,
        "fields": [
            image("before"), image("after"), source, transaction, field("op", "string", false),
            field("ts_ms", "int64", true), field("ts_us", "int64", true),
            field("ts_ns", "int64", true),
        ],
    });
    let key = json!({
        "type": "struct", "optional": false, "name": "app.public.accounts.Key",
        "fields": [field("id", "int64", false)],
    });
    (key.to_string(), value.to_string())
}
