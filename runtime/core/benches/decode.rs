//! What decoding costs: CDC events of 241 bytes, the columns that a users pipeline reads; and
//! Debezium's events of the same table, with a schema and without.

use std::hint::black_box;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gristmill_core::chain::Tombstone;
use gristmill_core::column::{Field, LogicalType};
use gristmill_core::decode::{
    Decoder, Format, Formats, FoundSchema, Schema, SchemaKind, SchemaText, Unreadiness, Unready,
    decode_values,
};
use gristmill_core::record::Records;

/// Records a batch: what a flush of the users pipeline takes at most is 200; a catching-up one
/// takes thousands.
const RECORDS: usize = 1_000;

fn event(i: usize) -> String {
    let id = 100_000 + i;
    let image = |name: &str, country: &str| {
        format!(
            concat!(
                r#"{{"user_id":{id},"name":"{name}","#,
                r#""email":"user{id}@example.com","country_code":"{country}"}}"#
            ),
            id = id,
            name = name,
            country = country,
        )
    };
    let (before, after) = (image("Ada Lovelace", "GB"), image("Ada King", "FR"));
    format!(
        r#"{{"op":"u","before":{before},"after":{after},"timestamp_ms":{}}}"#,
        1_700_000_000_000 + i
    )
}

fn reads() -> Vec<Field> {
    let field = |name: String, logical_type| Field {
        name,
        logical_type,
        nullable: true,
    };
    let mut reads = vec![
        field("value.op".into(), LogicalType::Text),
        field("value.timestamp_ms".into(), LogicalType::TimestampMs),
    ];
    for image in ["before", "after"] {
        reads.push(field(format!("value.{image}.user_id"), LogicalType::Int64));
        for name in ["name", "email", "country_code"] {
            reads.push(field(format!("value.{image}.{name}"), LogicalType::Text));
        }
    }
    reads
}

/// The schema of Debezium 3.6.1 for a table of users.
const SCHEMA: &str = include_str!("users_schema.json");

/// An update as Debezium 3.6.1 writes it.
fn debezium_event(i: usize) -> String {
    let ms = 1_795_782_648_818 + i;
    format!(
        concat!(
            r#"{{"before":null,"after":{{"user_id":{id},"name":"Daniel Kim","#,
            r#""email":"user{id}@contoso.com","country_code":"US","#,
            r#""updated_at":"2024-09-17T00:00:00.000000Z"}},"#,
            r#""source":{{"version":"3.6.1.Final","connector":"postgresql","name":"app","#,
            r#""ts_ms":{ms},"snapshot":"false","db":"appdb","#,
            r#""sequence":"[\"26929528\",\"26929680\"]","ts_us":{ms}947,"ts_ns":{ms}947000,"#,
            r#""schema":"public","table":"users","txId":7{id},"lsn":26{id},"xmin":null,"#,
            r#""origin":null,"origin_lsn":null}},"transaction":null,"op":"u","#,
            r#""ts_ms":{ms},"ts_us":{ms}310,"ts_ns":{ms}310411}}"#
        ),
        id = 100_000 + i,
        ms = ms,
    )
}

fn debezium_reads() -> Vec<Field> {
    let paths = [
        ("value.op", LogicalType::Text),
        ("value.source.ts_us", LogicalType::TimestampUs),
        ("value.source.lsn", LogicalType::Int64),
        ("value.before.user_id", LogicalType::Int64),
        ("value.after.user_id", LogicalType::Int64),
        ("value.after.name", LogicalType::Text),
        ("value.after.email", LogicalType::Text),
        ("value.after.country_code", LogicalType::Text),
        ("value.after.updated_at", LogicalType::TimestampUs),
    ];
    let field = |(name, logical_type): (&str, LogicalType)| Field {
        name: name.to_owned(),
        logical_type,
        nullable: true,
    };
    paths.into_iter().map(field).collect()
}

fn records<V: AsRef<[u8]>>(event: impl Fn(usize) -> V) -> Records {
    let mut records = Records::default();
    for i in 0..RECORDS {
        let value = event(i);
        let none = std::iter::empty();
        records.push(i as i64, Some(0), None, Some(value.as_ref()), none);
    }
    println!("{} bytes an event", records.bytes() / RECORDS);
    records
}

fn decode(c: &mut Criterion) {
    let wrapped = |i| {
        let payload = debezium_event(i);
        format!(r#"{{"schema":{},"payload":{payload}}}"#, SCHEMA.trim())
    };
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Elements(RECORDS as u64));
    for (name, reads, records) in [
        ("users event", reads(), records(event)),
        ("debezium event", debezium_reads(), records(debezium_event)),
        (
            "debezium event with schema",
            debezium_reads(),
            records(wrapped),
        ),
    ] {
        let mut decoder = Decoder::new(&reads, "users_cdc", 0, Tombstone::Ignore, 1 << 20)
            .expect("reads are document paths")
            .with_absent(Some("__debezium_unavailable_value"));
        assert_eq!(decoder.decode(&records).dead_letters, []);
        group.bench_function(name, |b| b.iter(|| black_box(decoder.decode(&records))));
    }
    let value = avro_event();
    let avro = records(|_| &value);
    let formats = Formats {
        value: Format::Avro,
        ..Formats::default()
    };
    let mut decoder = Decoder::new(&avro_reads(), "users_cdc", 0, Tombstone::Ignore, 1 << 20)
        .and_then(|decoder| decoder.with_formats(&formats))
        .expect("reads are document paths")
        .with_absent(Some("__debezium_unavailable_value"));
    tell(&mut decoder, &avro);
    assert_eq!(decoder.decode(&avro).dead_letters, []);
    group.bench_function("debezium event in avro", |b| {
        b.iter(|| black_box(decoder.decode(&avro)));
    });
    group.finish();
}

/// The samples of the project: lines of records, and the schemas that they name.
const AVRO: &str = include_str!("../../../data/debezium/avro.ndjson");
const SCHEMAS: &str = include_str!("../../../data/debezium/registry_schemas.json");

/// The first record of users as Debezium 3.6.1 wrote it in Avro: 27 values.
fn avro_event() -> Vec<u8> {
    let line = AVRO.lines().next().expect("there is a sample");
    let line: serde_json::Value = serde_json::from_str(line).expect("samples are JSON");
    let base64 = line["value"]["b64"].as_str().expect("bytes are base64");
    let read = Field {
        name: "value.b".into(),
        logical_type: LogicalType::Bytes,
        nullable: false,
    };
    let document = format!(r#"{{"b":"{base64}"}}"#);
    let decoded = decode_values(&[read], &[&document]).expect("a document path");
    let bytes = decoded.batch.columns[0].values.as_binary::<i32>();
    bytes.value(0).to_vec()
}

/// Nine paths, as those of the same event in JSON.
fn avro_reads() -> Vec<Field> {
    let mut reads = debezium_reads();
    for read in &mut reads {
        if read.name == "value.after.country_code" {
            read.name = "value.after.phone".into();
        }
    }
    reads
}

fn tell(decoder: &mut Decoder, records: &Records) {
    let schemas: serde_json::Value = serde_json::from_str(SCHEMAS).expect("schemas are JSON");
    let text = schemas["contentIds/62"].to_string();
    let schema = Schema::parse(&SchemaText {
        kind: SchemaKind::Avro,
        text,
        references: Vec::new(),
    });
    let schema = Arc::new(schema.expect("a sample is a schema"));
    if let Some(Unready {
        because: Unreadiness::Missing(wanted),
        ..
    }) = decoder.look(records)
    {
        for wanted in wanted {
            decoder.learn(wanted, &FoundSchema::Known(Arc::clone(&schema)));
        }
    }
}

criterion_group!(benches, decode);
criterion_main!(benches);
