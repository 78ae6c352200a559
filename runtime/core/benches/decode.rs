//! What decoding costs: CDC events of 241 bytes, the columns that a users pipeline reads.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gristmill_core::chain::Tombstone;
use gristmill_core::column::{Field, LogicalType};
use gristmill_core::decode::Decoder;
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

fn decode(c: &mut Criterion) {
    let mut records = Records::default();
    for i in 0..RECORDS {
        let value = event(i);
        records.push(
            i as i64,
            Some(0),
            None,
            Some(value.as_bytes()),
            std::iter::empty(),
        );
    }
    println!("{} bytes an event", records.bytes() / RECORDS);
    let mut decoder = Decoder::new(&reads(), "users_cdc", 0, Tombstone::Ignore, 1 << 20)
        .expect("reads are document paths");
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Elements(RECORDS as u64));
    group.bench_function("users event", |b| {
        b.iter(|| black_box(decoder.decode(&records)))
    });
    group.finish();
}

criterion_group!(benches, decode);
criterion_main!(benches);
