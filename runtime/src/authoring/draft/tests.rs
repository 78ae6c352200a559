//! Drafts of real topics, and of one that means harm.

use gristmill_core::record::Records;
use insta::assert_snapshot;
use serde_json::Value;

use super::*;

const JSON: &str = include_str!("../../../../data/debezium/debezium_json.ndjson");
const SCHEMAS: &str = include_str!("../../../../data/debezium/debezium_json_schema.ndjson");
const FLAT: &str = include_str!("../../../../data/debezium/debezium_flat.ndjson");

fn record(key: Option<&str>, value: Option<&str>) -> Records {
    let mut records = Records::default();
    let bytes = |part: Option<&'_ str>| part.map(|text| text.as_bytes().to_vec());
    let (key, value) = (bytes(key), bytes(value));
    let none = std::iter::empty();
    records.push(0, Some(0), key.as_deref(), value.as_deref(), none);
    records
}

fn table_of(lines: &str, topic: &str) -> SourceTable {
    let lines = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let of_topic = lines.filter(|line| line["topic"] == topic);
    let records: Vec<Records> = of_topic
        .map(|line| record(line["key"].as_str(), line["value"].as_str()))
        .collect();
    of_records(records.iter()).unwrap()
}

fn draft(table: &SourceTable) -> Draft {
    let named = DraftNames {
        pipeline: "users".into(),
        topic: "app.public.users".into(),
        bootstrap: "localhost:9092".into(),
        table: "users".into(),
        command: "gristmill init --from-topic app.public.users".into(),
        registry: None,
    };
    Draft::new(&named, table)
}

#[test]
fn schemas_say_the_types() {
    let table = table_of(SCHEMAS, "js.public.everything");
    assert_eq!(table.key, ["id"]);
    assert!(table.has_schemas && table.has_log_places);
    let columns = table.columns.iter();
    let columns = columns.map(|column| {
        let note = column.note.as_deref().unwrap_or_default();
        format!("{} {} {note}", column.name, column.type_name)
            .trim_end()
            .to_owned()
    });
    assert_snapshot!(columns.collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_draft_is_a_pipeline_file_and_its_table() {
    let enveloped = draft(&table_of(JSON, "jn.public.users"));
    let schemas = draft(&table_of(SCHEMAS, "js.public.users"));
    let flat = draft(&table_of(FLAT, "fd.public.users"));
    let rewritten = draft(&table_of(FLAT, "fl.public.users"));
    assert_snapshot!("file_enveloped", enveloped.file);
    assert_snapshot!("table_enveloped", enveloped.ddl);
    assert_snapshot!("file_flat", flat.file);
    assert_snapshot!("file_rewritten", rewritten.file);
    for draft in [enveloped, schemas, flat, rewritten] {
        crate::definition::file::parse(&draft.file, |_| None).unwrap();
    }
}

#[test]
fn what_was_not_sent_says_of_which_kind_it_is() {
    let table = table_of(FLAT, "fl.public.toasted");
    let columns = table.columns.iter();
    let types: Vec<&str> = columns.map(|column| column.type_name.as_str()).collect();
    let expected = [
        "bigint", "text", "text", "bytea", "text", "text[]", "bigint[]", "text",
    ];
    assert_eq!(types, expected);
}

#[test]
fn a_bare_key_is_the_column_that_has_its_values() {
    let value = |id: i64| format!(r#"{{"op":"c","after":{{"id":{id},"n":1,"name":"a"}}}}"#);
    let records = [1, 2].map(|id| record(Some(&id.to_string()), Some(&value(id))));
    assert_eq!(of_records(records.iter()).unwrap().key, ["id"]);
    let nameless = [record(Some("x"), Some(&value(1)))];
    let table = of_records(nameless.iter()).unwrap();
    assert_eq!(table.key, [""; 0]);
    assert!(
        draft(&table)
            .ddl
            .ends_with("_gm_deleted boolean default false\n);\n")
    );
}

#[test]
fn a_topic_without_rows_says_what_it_has() {
    let records = [
        record(None, Some(r#"{"ts_ms":1}"#)),
        record(None, Some("\u{0}\u{0}")),
        record(Some("1"), None),
    ];
    let error = of_records(records.iter()).unwrap_err().to_string();
    assert!(
        error.contains("heartbeats and the like: 1, not JSON: 1, without a value: 1"),
        "{error}"
    );
}

/// Whoever writes to the topic writes no SQL.
#[test]
fn names_and_types_of_records_become_no_sql() {
    let fields = r#"{"type":"bytes","name":"io.debezium.data.Bits","field":"x\"; drop",
        "parameters":{"length":"1); drop table users; --"}},
        {"type":"nonsense; drop","field":"y\nz"}"#;
    let value = format!(
        r#"{{"schema":{{"type":"struct","fields":[
            {{"type":"struct","fields":[{fields}],"field":"after"}}]}},
        "payload":{{"op":"c","after":{{"x\"; drop":"AQ==","y\nz":1}}}}}}"#
    );
    let records = [record(Some(r#"{"x\"; drop":"AQ=="}"#), Some(&value))];
    let ddl = draft(&of_records(records.iter()).unwrap()).ddl;
    assert!(
        ddl.contains("    \"x\"\"; drop\" bit(1) not null,\n"),
        "{ddl}"
    );
    assert!(ddl.contains("    \"y\nz\" jsonb,\n"), "{ddl}");
}

/// The SQL without its comments, as Postgres finds them: a line's end is either character.
fn without_comments(sql: &str) -> String {
    let lines = sql.split(['\n', '\r']);
    let code = lines.map(|line| line.split_once("--").map_or(line, |(code, _)| code));
    code.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_name_ends_no_comment() {
    for end in ["\n", "\r", "\r\n"] {
        let name = format!("x{end}drop schema public cascade;");
        let mut left_out = SourceColumn::certain(&name, "numeric(99999,2)");
        left_out.is_left_out = true;
        let id = SourceColumn::certain("id", "bigint").with_note(format!("like {name}"));
        let table = SourceTable {
            columns: vec![id, left_out.with_note("left out")],
            notes: vec![format!("the key is a guess: {name}\u{7f}\u{0}")],
            ..SourceTable::default()
        };
        let Draft { file, ddl, unsure } = draft(&table);
        assert!(ddl.contains("drop schema"), "{ddl}");
        assert!(!without_comments(&ddl).contains("drop"), "{ddl}");
        crate::definition::file::parse(&file, |_| None).unwrap();
        assert!(!unsure.concat().contains(char::is_control), "{unsure:?}");
    }
}

/// A delete without a value has no place in Postgres' log, whatever the rows have.
#[test]
fn flat_rows_with_places_are_versioned_by_them_where_deletes_are_values() {
    let row = |id: u32, deleted: &str| {
        format!(r#"{{"id":{id},"__op":"c","__lsn":7,"__source_sequence":"[null,\"7\"]"{deleted}}}"#)
    };
    let file = |records: &[Records]| draft(&of_records(records.iter()).unwrap()).file;
    let bare = [
        record(Some(r#"{"id":1}"#), Some(&row(1, ""))),
        record(Some(r#"{"id":1}"#), None),
    ];
    let bare = file(&bare);
    assert!(bare.contains("tombstone = \"delete\""), "{bare}");
    assert!(!bare.contains("version"), "{bare}");
    let rewritten = row(1, r#","__deleted":"false""#);
    let rewritten = file(&[record(Some(r#"{"id":1}"#), Some(&rewritten))]);
    assert!(!rewritten.contains("tombstone"), "{rewritten}");
    assert!(rewritten.contains("version = \"postgres\""), "{rewritten}");
}

#[test]
fn a_row_with_a_time_is_no_notice() {
    let value = r#"{"id":1,"ts_ms":1726531200000,"status":"new"}"#;
    let table = of_records([record(None, Some(value))].iter()).unwrap();
    assert_eq!(table.shape, Shape::Flat { has_deletes: false });
    for notice in [
        r#"{"ts_ms":1}"#,
        r#"{"status":"BEGIN","id":"1:2","event_count":null,"data_collections":null,"ts_ms":1}"#,
        r#"{"source":{},"ts_ms":1,"databaseName":"d","schemaName":null,"ddl":"x"}"#,
    ] {
        let error = of_records([record(None, Some(notice))].iter()).unwrap_err();
        assert!(
            error.to_string().contains("heartbeats and the like: 1"),
            "{error}"
        );
    }
}

/// Decimals are text only where the connector was told so: then nothing is base64.
#[test]
fn decimals_in_text_are_read_as_text() {
    let file = |price: &str| {
        let value = format!(r#"{{"op":"c","after":{{"id":1,"price":{price}}}}}"#);
        let records = [record(Some(r#"{"id":1}"#), Some(&value))];
        draft(&of_records(records.iter()).unwrap()).file
    };
    assert!(!file(r#""19.50""#).contains("json_decimals"));
    assert!(file(r#"{"scale":2,"value":"B1vNFQ=="}"#).contains("json_decimals = \"base64\""));
}

#[test]
fn gristmills_columns_make_way_for_those_of_the_row() {
    let value = r#"{"op":"c","after":{"id":1,"_deleted":true,"_deleted_":1}}"#;
    let records = [record(Some(r#"{"id":1}"#), Some(value))];
    let file = draft(&of_records(records.iter()).unwrap()).file;
    assert!(file.contains("deleted_column = \"_deleted__\" "), "{file}");
    assert!(!file.contains("event_time_column"), "{file}");
}
