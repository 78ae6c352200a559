//! What a row costs between decoder and sink: dedup against states of two sizes, and the whole
//! chain with native rules.

use std::hint::black_box;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Int64Array, StringArray};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gristmill_core::chain::{Chain, ChainSpec, Delete, Late, TimePolicy, Tombstone, Truncate};
use gristmill_core::column::{Batch, Column, Field, LogicalType};
use gristmill_core::decode::{Formats, JsonForms};
use gristmill_core::dedup::{Candidates, State, VersionColumns, Versions};
use gristmill_core::dimension::Dimensions;
use gristmill_core::plan::{Plan, Roles};
use gristmill_core::record::Records;
use gristmill_core::transform::{Fault, Output, Transform};

/// Rows in a batch: what a flush of a partition under load takes.
const ROWS: usize = 5_000;
const NOW_US: i64 = 1_800_000_000_000_000;

fn field(name: &str, logical_type: LogicalType) -> Field {
    Field {
        name: name.to_owned(),
        logical_type,
        nullable: false,
    }
}

/// Spreads numbers over all 64 bits (splitmix64), so that keys come in no order.
fn scatter(n: u64) -> u64 {
    let mut z = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

struct Keyed {
    columns: VersionColumns,
    fields: Arc<[Field]>,
    is_text: bool,
}

impl Keyed {
    fn new(is_text: bool) -> Self {
        let key = if is_text {
            LogicalType::Text
        } else {
            LogicalType::Int64
        };
        let fields: Arc<[Field]> = Arc::from([field("key", key)]);
        let (key, event_time, order) = (vec!["key".to_owned()], "at".to_owned(), Vec::new());
        let roles = Roles {
            key,
            event_time,
            deleted: None,
            order,
            ..Roles::default()
        };
        Self {
            columns: VersionColumns::new(&roles, &fields).unwrap(),
            fields,
            is_text,
        }
    }

    fn batch(&self, keys: impl Iterator<Item = u64>) -> Batch {
        let column = if self.is_text {
            Column::new(Arc::new(StringArray::from_iter_values(
                keys.map(|k| format!("user-{k:012}")),
            )))
        } else {
            Column::new(Arc::new(Int64Array::from_iter_values(
                keys.map(|k| k as i64),
            )))
        };
        Batch {
            rows: column.values.len(),
            fields: self.fields.clone(),
            columns: vec![column],
        }
    }

    fn filled(&self, keys: u64) -> State {
        let mut state = State::new(&self.columns, i64::MAX, usize::MAX);
        for first in (0..keys).step_by(ROWS) {
            let batch = self.batch(first..first + ROWS as u64);
            let versions = Versions::new(&self.columns, &batch, vec![0; ROWS]);
            let rows: Vec<u32> = (0..ROWS as u32).collect();
            state.learn(&versions, &rows, 0);
        }
        state
    }
}

/// One batch through dedup: versions, the newest of each key, the state's word, and what it learns.
fn dedup(columns: &VersionColumns, state: &mut State, batch: &Batch, time: i64) -> usize {
    let versions = Versions::new(columns, batch, vec![time; batch.rows]);
    let mut candidates = Candidates::new(&versions, 0..batch.rows as u32);
    candidates.drop_beaten(&versions, |row| state.get(&versions, row), |_| {});
    let winners = candidates.winners(&versions);
    let rows: Vec<u32> = winners.iter().map(|&p| candidates.row(p)).collect();
    state.learn(&versions, &rows, time);
    rows.len()
}

fn state(c: &mut Criterion) {
    let mut group = c.benchmark_group("dedup");
    group
        .throughput(Throughput::Elements(ROWS as u64))
        .sample_size(20);
    for (name, is_text) in [("int", false), ("text", true)] {
        for keys in [200_000_u64, 10_000_000] {
            let keyed = Keyed::new(is_text);
            // Only for the benchmarks that a filter lets through.
            let mut filled = None;
            let (mut round, mut time) = (0, 0);
            group.bench_function(BenchmarkId::new(name, keys), |b| {
                let state = filled.get_or_insert_with(|| {
                    let state = keyed.filled(keys);
                    println!(
                        "{:.1} bytes a key",
                        state.bytes() as f64 / state.len() as f64
                    );
                    state
                });
                b.iter_batched(
                    || {
                        round += 1;
                        let first = round * ROWS as u64;
                        keyed.batch((first..first + ROWS as u64).map(|n| scatter(n) % keys))
                    },
                    |batch| {
                        time += 1;
                        black_box(dedup(&keyed.columns, state, &batch, time))
                    },
                    BatchSize::LargeInput,
                );
            });
        }
    }
    group.finish();
}

struct Native {
    name: &'static str,
    plan: Plan,
    rule: fn(&Batch) -> Output,
}

impl Transform for Native {
    fn name(&self) -> &str {
        self.name
    }

    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn apply(&mut self, input: &Batch) -> Result<Output, Fault> {
        Ok((self.rule)(input))
    }
}

fn all(columns: Vec<Column>, rows: usize) -> Output {
    Output {
        columns,
        rows,
        source_rows: None,
        rejections: Vec::new(),
    }
}

fn domains(batch: &Batch) -> Output {
    let emails = batch.columns[0].values.as_string::<i32>().iter();
    let domains: StringArray = emails.map(|e| e?.split_once('@').map(|(_, d)| d)).collect();
    all(vec![Column::new(Arc::new(domains))], batch.rows)
}

/// Reads and writes the same five columns, then takes the e-mail's domain: hardly any rule, so that
/// the chain itself is measured.
fn chain() -> Chain {
    let columns = [
        ("value.after.user_id", "user_id", LogicalType::Int64),
        ("value.timestamp_ms", "updated_at", LogicalType::TimestampMs),
        ("value.after.name", "name", LogicalType::Text),
        ("value.after.email", "email", LogicalType::Text),
        (
            "value.after.country_code",
            "country_code",
            LogicalType::Text,
        ),
    ];
    let writes: Vec<Field> = columns.map(|(_, name, t)| field(name, t)).to_vec();
    let domain = Field {
        nullable: true,
        ..field("email_domain", LogicalType::Text)
    };
    let (key, event_time, order) = (
        vec!["user_id".to_owned()],
        "updated_at".to_owned(),
        Vec::new(),
    );
    let normalize = Plan {
        reads: columns.map(|(path, _, t)| field(path, t)).to_vec(),
        writes: writes.clone(),
        roles: Some(Roles {
            key,
            event_time,
            deleted: None,
            order,
            ..Roles::default()
        }),
        ..Plan::default()
    };
    let reads = vec![writes[3].clone()];
    let enrich = Plan {
        reads,
        writes: vec![domain.clone()],
        ..Plan::default()
    };
    let normalizer = Native {
        name: "normalize",
        plan: normalize,
        rule: |b| all(b.columns.clone(), b.rows),
    };
    let enricher = Native {
        name: "domain",
        plan: enrich,
        rule: domains,
    };
    let mut target = writes;
    target[1].logical_type = LogicalType::TimestampUs;
    target.push(domain);
    let spec = ChainSpec {
        topic: "users_cdc".to_owned(),
        partition: 0,
        time: TimePolicy {
            watermark_delay_us: 10_000_000,
            ttl_us: 7 * 86_400_000_000,
            future_max_us: 300_000_000,
            floor_us: 0,
            late: Late::Apply,
        },
        tombstone: Tombstone::Ignore,
        absent: None,
        formats: Formats::default(),
        forms: JsonForms::default(),
        delete: Delete::default(),
        truncate: Truncate::Halt,
        record_max_bytes: 1 << 20,
        state_max_bytes: 1 << 30,
        target,
    };
    let transforms: Vec<Box<dyn Transform>> = vec![Box::new(normalizer), Box::new(enricher)];
    Chain::new(spec, transforms, Arc::new(Dimensions::new()), None).unwrap()
}

fn events(round: u64, keys: u64) -> Records {
    let mut records = Records::default();
    for i in 0..ROWS as u64 {
        let n = round * ROWS as u64 + i;
        let (user, ms) = (scatter(n) % keys, 1_726_531_200_000 + n);
        let row = format!(
            concat!(
                r#"{{"user_id":{user},"name":"Daniel J. Kim","#,
                r#""email":"daniel.j.kim{user}@contoso.com","country_code":"US"}}"#
            ),
            user = user,
        );
        let value = format!(r#"{{"op":"u","before":{row},"after":{row},"timestamp_ms":{ms}}}"#);
        let key = user.to_string();
        records.push(
            n as i64,
            Some(ms as i64),
            Some(key.as_bytes()),
            Some(value.as_bytes()),
            std::iter::empty(),
        );
    }
    records
}

fn compute(c: &mut Criterion) {
    let mut group = c.benchmark_group("chain");
    group
        .throughput(Throughput::Elements(ROWS as u64))
        .sample_size(20);
    let mut chain = chain();
    let mut round = 0;
    group.bench_function("native rules, 200,000 keys", |b| {
        b.iter_batched(
            || {
                round += 1;
                events(round, 200_000)
            },
            |records| {
                let computed = chain.compute(records, NOW_US).unwrap();
                chain.committed(&computed);
                computed
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group!(benches, state, compute);
criterion_main!(benches);
