//! The time from an event's production to its row being visible, at a steady rate, with and without
//! a rule being swapped meanwhile.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use gristmill_postgres::wire::connection::Database;
use gristmill_tests::kafka::Kafka;
use gristmill_tests::postgres::Postgres;
use gristmill_tests::process::{Folder, output, wait_until};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use serde_json::{Value, json};

use crate::contender::{Contender, Place};
use crate::traffic::PARTITIONS;

/// A fleet that changes its rules more often than anybody.
const SWAP_EVERY: Duration = Duration::from_secs(2);
/// Events before the measured part: connections, caches.
const WARM_UP_S: u32 = 2;

/// See the module. Milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct Latency {
    pub(crate) rate: u32,
    pub(crate) swaps: u32,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
    /// What the workers did between two batches at each change of revision, sorted.
    pub(crate) pauses_ms: Vec<f64>,
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "latency at {} events/s, {} swaps: p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms",
            self.rate, self.swaps, self.p50_ms, self.p99_ms, self.max_ms
        )
    }
}

pub(crate) fn run(
    kafka: &Kafka,
    postgres: &Postgres,
    rate: u32,
    seconds: u32,
    swapping: bool,
) -> Result<Latency> {
    let name = format!("latency_{rate}{}", if swapping { "_swaps" } else { "" });
    kafka.create_topic(&name, PARTITIONS, &[])?;
    let folder = Folder::new("gristmill-bench-")?;
    let place = Place {
        bootstrap: kafka.bootstrap(),
        database_url: postgres.create_database(&name)?,
        folder: &folder,
        topic: &name,
        run: name.clone(),
    };
    place.prepare()?;
    let _process = Contender::Gristmill.start(&place)?;
    wait_until(
        "both partitions to be taken",
        Duration::from_secs(30),
        || {
            Ok(
                postgres.psql(&name, "select count(*) from gristmill.checkpoint")?
                    == PARTITIONS.to_string(),
            )
        },
    )?;
    let done = AtomicBool::new(false);
    let (sent, seen, swaps) = thread::scope(|scope| {
        let seen = scope.spawn(|| watch(&place.database_url, &done));
        let swaps = scope.spawn(|| if swapping { swap(&place, &done) } else { Ok(0) });
        let sent = produce(&place.bootstrap, &name, rate, (seconds + WARM_UP_S) * rate);
        // The last ones arrive.
        thread::sleep(Duration::from_secs(1));
        done.store(true, Ordering::Relaxed);
        let ended = "a thread of the benchmark panicked";
        anyhow::Ok((
            sent?,
            seen.join().expect(ended)?,
            swaps.join().expect(ended)?,
        ))
    })?;
    let mut waits = waits(&sent[(WARM_UP_S * rate) as usize..], &seen)?;
    waits.sort_by(f64::total_cmp);
    let at = |part: f64| waits[((waits.len() - 1) as f64 * part) as usize];
    Ok(Latency {
        rate,
        swaps,
        p50_ms: at(0.5),
        p99_ms: at(0.99),
        max_ms: at(1.0),
        pauses_ms: pauses(&place)?,
    })
}

/// The figures that gristmill's log tells.
fn pauses(place: &Place<'_>) -> Result<Vec<f64>> {
    let log = std::fs::read_to_string(place.folder.path().join("log"))?;
    let entries = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut pauses: Vec<f64> = entries
        .filter_map(|entry| Some(entry.get("pause_us")?.as_f64()? / 1e3))
        .collect();
    pauses.sort_by(f64::total_cmp);
    Ok(pauses)
}

/// When the `n`th event was handed to the producer: event `n` is number `n / PARTITIONS` of
/// partition `n % PARTITIONS`.
fn produce(
    bootstrap: &str,
    topic: &str,
    rate: u32,
    events: u32,
) -> Result<Vec<(i32, i64, Instant)>> {
    let producer: ThreadedProducer<_> = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        // Without it each event is a request of its own, and at 10,000 a second the broker is what
        // is measured.
        .set("linger.ms", "2")
        .create::<ThreadedProducer<rdkafka::producer::DefaultProducerContext>>()?;
    let begun = Instant::now();
    let mut sent = Vec::with_capacity(events as usize);
    for n in 0..events {
        let due = begun + Duration::from_secs(1) * n / rate;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let (partition, offset) = (n as i32 % PARTITIONS, i64::from(n / PARTITIONS as u32));
        let after = json!({
            "user_id": n % 50_000,
            "name": "Ann",
            "email": "ann@contoso.com",
            "country_code": "US",
        });
        let now_ms = jiff::Timestamp::now().as_millisecond();
        let event = json!({"op": "u", "timestamp_ms": now_ms, "after": after}).to_string();
        sent.push((partition, offset, Instant::now()));
        let record = BaseRecord::<(), String>::to(topic)
            .partition(partition)
            .payload(&event);
        producer.send(record).map_err(|(error, _)| error)?;
    }
    producer.flush(Duration::from_secs(10))?;
    Ok(sent)
}

/// What each partition's checkpoint said, and when it was first seen to: its rows became visible in
/// the same instant.
type Seen = Vec<Vec<(i64, Instant)>>;

fn watch(url: &str, done: &AtomicBool) -> Result<Seen> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let client = Database::new(url, "gristmill-bench")?.connect().await?;
        let sql = client
            .prepare("select partition, next_offset from gristmill.checkpoint")
            .await?;
        let mut seen: Seen = vec![Vec::new(); PARTITIONS as usize];
        while !done.load(Ordering::Relaxed) {
            for row in client.query(&sql, &[]).await? {
                let (partition, next_offset): (i32, i64) = (row.get(0), row.get(1));
                let seen = &mut seen[partition as usize];
                if seen.last().is_none_or(|(last, _)| *last < next_offset) {
                    seen.push((next_offset, Instant::now()));
                }
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(seen)
    })
}

fn waits(sent: &[(i32, i64, Instant)], seen: &Seen) -> Result<Vec<f64>> {
    let wait = |(partition, offset, sent): &(i32, i64, Instant)| {
        let seen = &seen[*partition as usize];
        let at = seen.partition_point(|(next_offset, _)| next_offset <= offset);
        let (_, visible) = seen.get(at).context("an event has not arrived")?;
        Ok(visible.saturating_duration_since(*sent).as_secs_f64() * 1e3)
    };
    sent.iter().map(wait).collect()
}

/// Swaps in a rule that no host has seen, again and again; how often.
fn swap(place: &Place<'_>, done: &AtomicBool) -> Result<u32> {
    let shipped = gristmill::definition::builtin::named_component("enrich-email")?;
    let mut swaps: u32 = 0;
    while !done.load(Ordering::Relaxed) {
        let config = json!({"corporate_domains": [format!("{}.example", swaps % 2)]});
        std::fs::write(place.folder.path().join("config.json"), config.to_string())?;
        // A custom section of its own makes it another component: it is compiled and instantiated
        // as one.
        let number = swaps.to_le_bytes();
        let component = [shipped, &[0, 9, 4], b"swap", &number].concat();
        // A file that was written this moment is refused, as it may not be whole.
        let file = place.folder.path().join(format!("rule-{swaps}.wasm"));
        std::fs::write(&file, component)?;
        thread::sleep(SWAP_EVERY);
        let mut command = place.gristmill(&["transform", "swap", "users.toml", "enrich-email"])?;
        output(command.arg(&file).args(["--config", "config.json"]))?;
        swaps += 1;
    }
    Ok(swaps)
}
