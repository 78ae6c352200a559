//! What the golden cases do not show: plans, and configs that are refused.

use gristmill_guest::testing::plan;
use serde_json::{Value, json};

use super::*;

fn config(changes: Value) -> Value {
    let mut config = json!({ "key": ["id"], "columns": { "id": "bigint", "doc": "jsonb" } });
    for (name, value) in changes.as_object().unwrap() {
        config[name] = value.clone();
    }
    config
}

fn opened(changes: Value) -> Plan {
    plan::<NormalizeDebezium>(&config(changes)).unwrap()
}

fn reads(changes: Value) -> Vec<String> {
    let reads = opened(changes).reads.into_iter();
    reads
        .map(|f| format!("{} {}", f.name, f.logical_type))
        .collect()
}

#[test]
fn each_shape_and_version_reads_what_it_needs() {
    let envelope = [
        "meta.tombstone boolean",
        "meta.has_key boolean",
        "value.op text",
        "value.ts_ms int64",
        "value.event_count int64",
        "header.__debezium.oldkey text",
        "value.id json",
        "value.source.lsn int64",
        "value.source.sequence text",
        "value.source.ts_us timestamp(us)",
        "value.source.ts_ms timestamp(ms)",
        "meta.timestamp timestamp(ms)",
        "value.before.id int64",
        "value.after.doc text",
        "value.after.id int64",
        "key.id int64",
    ];
    assert_eq!(reads(json!({})), envelope);
    let flat = [
        "meta.tombstone boolean",
        "meta.has_key boolean",
        "value.__op text",
        "value.__deleted text",
        "value.ts_ms int64",
        "header.__debezium.oldkey text",
        "value.__source_ts_us timestamp(us)",
        "value.__source_ts_ms timestamp(ms)",
        "meta.timestamp timestamp(ms)",
        "value.id int64",
        "value.doc text",
        "key.id int64",
    ];
    assert_eq!(reads(json!({ "shape": "flat" })), flat);
    let by_time = json!({ "version": "event-time", "before": "full" });
    assert!(!reads(by_time.clone()).contains(&"meta.timestamp timestamp(ms)".to_owned()));
    assert!(reads(by_time).contains(&"value.before.doc text".to_owned()));
}

#[test]
fn a_column_that_is_the_event_time_is_read_once_as_its_type() {
    let changes = json!({
        "columns": { "id": "bigint", "at": "timestamp(3)" },
        "event_time": "value.after.at",
    });
    let reads = reads(changes);
    let at: Vec<&String> = reads.iter().filter(|read| read.contains(".at ")).collect();
    assert_eq!(at, ["value.after.at timestamp(ms)"]);
}

/// Another type at the path of a member that every envelope has would refuse them all.
#[test]
fn a_key_that_is_called_like_a_member_of_the_envelope_is_not_looked_for_there() {
    let reads = reads(json!({
        "key": ["source", "id"],
        "columns": { "id": "bigint", "source": "text" },
    }));
    let of_envelope = |read: &&String| read.starts_with("value.id") || *read == "value.source json";
    assert_eq!(reads.iter().find(of_envelope), None);
}

#[test]
fn the_host_is_told_by_what_rows_have_versions() {
    let attributes = |changes| {
        let pairs = opened(changes).attributes.into_iter();
        pairs.map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>()
    };
    let told = |places: [&str; 2], versions: &[&str]| {
        let paths = places.into_iter().chain(["key"]);
        let paths = paths.map(|place| format!("key-path={place}.id"));
        let told = std::iter::once("truncate=_truncate".to_owned()).chain(paths);
        let rows = ["doc", "id"].map(|name| format!("row-path={}.{name}", places[1]));
        let told = told.chain(rows);
        let versions = ["old-key=_old_id"].iter().chain(versions);
        let versions = versions.map(|version| (*version).to_owned());
        told.chain(versions).collect::<Vec<_>>()
    };
    let envelope = ["value.before", "value.after"];
    assert_eq!(
        attributes(json!({ "epoch": 2 })),
        told(envelope, &["version=order-first", "epoch=2"])
    );
    assert_eq!(
        attributes(json!({ "shape": "flat" })),
        told(["value", "value"], &["version=offset"])
    );
    assert_eq!(
        attributes(json!({ "version": "event-time" })),
        told(envelope, &[])
    );
    let of_bytes = attributes(json!({ "columns": { "id": "bytea" } }));
    assert!(!of_bytes.iter().any(|pair| pair.starts_with("old-key=")));
    let order = |changes| opened(changes).roles.unwrap().order;
    assert_eq!(order(json!({})), ["_commit_lsn", "_lsn"]);
    let taken = json!({ "columns": { "id": "bigint", "_lsn": "text", "_truncate": "text" } });
    assert_eq!(order(taken.clone()), ["_commit_lsn", "__lsn"]);
    assert_eq!(attributes(taken)[0], "truncate=__truncate");
}

#[test]
fn the_columns_that_the_rule_writes_itself_are_not_taken_from_the_events() {
    let plan = opened(json!({
        "columns": { "id": "bigint", "changed": "timestamptz", "loaded_at": "timestamptz" },
        "event_time_column": "changed",
        "columns_except": ["loaded_at"],
    }));
    let names: Vec<&str> = plan.writes.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "id",
            "changed",
            "_deleted",
            "_truncate",
            "_old_id",
            "_commit_lsn",
            "_lsn"
        ]
    );
    assert!(!plan.reads.iter().any(|f| f.name.contains("changed")));
}

#[test]
fn a_config_that_contradicts_itself_is_refused_in_words() {
    for (changes, sentence) in [
        (json!({ "key": [] }), "there is no table to take them from"),
        (
            json!({ "columns": {} }),
            "there is no table to take them from",
        ),
        (
            json!({ "key": ["uid"] }),
            "`key` names the column `uid`, which is not among",
        ),
        (
            json!({ "columns_except": ["x"] }),
            "`columns_except` names the column `x`",
        ),
        (
            json!({ "rename": { "id": "uid" } }),
            "`rename` names the column `uid`",
        ),
        (
            json!({ "rename": { "a": "doc", "b": "doc" } }),
            "gives one column two names",
        ),
        (
            json!({ "columns_except": ["id"] }),
            "`key` names `id`, which is not taken",
        ),
        (json!({ "deleted_column": "_event_time" }), "are the same"),
        (
            json!({ "epoch": 1, "version": "offset" }),
            "`epoch` is for the version `postgres`",
        ),
        (
            json!({ "columns": { "id": "bigint", "bits": "bit varying(5)" } }),
            "does not send the type `bit varying(5)` of column `bits` whole",
        ),
        (
            json!({ "event_time": "value.after.doc" }),
            "`value.after.doc` of type text",
        ),
        (
            json!({ "version": "order-first" }),
            "unknown variant `order-first`",
        ),
        (json!({ "keys": ["id"] }), "unknown field `keys`"),
    ] {
        let error = plan::<NormalizeDebezium>(&config(changes)).unwrap_err();
        assert!(error.contains(sentence), "{error}");
    }
}
