//! What Prometheus is told: numbers by pipeline, topic and partition, updated a batch at a time.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gristmill_core::chain::Computed;
use gristmill_core::dead_letter::{DeadLetter, Stage};
use gristmill_kafka::TopicPartition;
use gristmill_postgres::commit::checkpoint::PartitionState;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

type Fraction = Gauge<f64, AtomicU64>;

/// Whose number it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfPartition {
    pub pipeline: String,
    pub topic: String,
    pub partition: i32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfState {
    pipeline: String,
    topic: String,
    partition: i32,
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRevision {
    pipeline: String,
    topic: String,
    partition: i32,
    revision: i32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfCode {
    pipeline: String,
    topic: String,
    partition: i32,
    code: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfTransform {
    pipeline: String,
    transform: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfPipeline {
    pipeline: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfBuild {
    version: &'static str,
}

/// Codes of dead letters that are told apart, a partition: a rule that makes one of each value must
/// not fill the memory of whoever collects. The rest count as `other`.
const CODES_MAX: usize = 32;

/// All numbers of a process.
pub struct Metrics {
    registry: Mutex<Registry>,
    records: Family<OfPartition, Counter>,
    rows: Family<OfPartition, Counter>,
    superseded: Family<OfPartition, Counter>,
    stale: Family<OfRevision, Counter>,
    late: Family<OfPartition, Counter>,
    dead_letters: Family<OfCode, Counter>,
    letters_waiting: Family<OfPipeline, Gauge>,
    lag: Family<OfPartition, Gauge>,
    lag_seconds: Family<OfPartition, Fraction>,
    watermark: Family<OfPartition, Fraction>,
    flush_seconds: Family<OfPartition, Histogram>,
    flush_rows: Family<OfPartition, Histogram>,
    flush_retries: Family<OfPartition, Counter>,
    fenced: Family<OfPartition, Counter>,
    states: Family<OfState, Gauge>,
    queued_bytes: Family<OfPartition, Gauge>,
    dedup_keys: Family<OfPartition, Gauge>,
    dedup_bytes: Family<OfPartition, Gauge>,
    transform_seconds: Family<OfTransform, Histogram>,
    transform_traps: Family<OfTransform, Counter>,
    headroom: Family<OfPartition, Fraction>,
    revision_active: Family<OfPipeline, Gauge>,
}

/// The numbers of one partition that its worker counts.
pub struct PartitionMeter {
    of: OfPartition,
    metrics: Arc<Metrics>,
    records: Counter,
    rows: Counter,
    superseded: Counter,
    late: Counter,
    flush_seconds: Histogram,
    flush_rows: Histogram,
    watermark: Fraction,
    queued_bytes: Gauge,
    dedup_keys: Gauge,
    dedup_bytes: Gauge,
    /// Codes of dead letters that have a number of their own.
    codes: Vec<String>,
}

/// What a pipeline is doing.
pub struct Running {
    pub pipeline: String,
    pub active_revision: i32,
    /// The partitions that are here.
    pub partitions: Vec<(TopicPartition, PartitionState)>,
}

/// A flush that has committed.
pub struct CommittedFlush {
    /// The revision that computed its rows.
    pub revision: i32,
    /// Rows that the table had newer ones of.
    pub stale_rows: u64,
    /// How long ago it began.
    pub took: Duration,
}

/// A partition's sizes after a flush.
pub struct Sizes {
    pub watermark_us: Option<i64>,
    pub queued_bytes: usize,
    pub dedup_keys: usize,
    pub dedup_bytes: usize,
}

/// Takes families into a registry, each with its name and its help.
macro_rules! register {
    ($registry:expr, $metrics:expr, $($field:ident $name:literal $help:literal)+) => {
        $($registry.register(concat!("gristmill_", $name), $help, $metrics.$field.clone());)+
    };
}

impl Default for Metrics {
    fn default() -> Self {
        // From a millisecond, which a flush to a server next door takes, to the minute at which
        // Postgres gives it up.
        let seconds = || Histogram::new(exponential_buckets(0.001, 2.5, 13));
        // From one row to 65,536: more than any flush has by default.
        let rows = || Histogram::new(exponential_buckets(1.0, 4.0, 9));
        // From a few rows to what ends a call: its limit is seconds for the largest batch.
        let calls = || Histogram::new(exponential_buckets(0.0001, 4.0, 9));
        let metrics = Self {
            registry: Mutex::default(),
            records: Family::default(),
            rows: Family::default(),
            superseded: Family::default(),
            stale: Family::default(),
            late: Family::default(),
            dead_letters: Family::default(),
            letters_waiting: Family::default(),
            lag: Family::default(),
            lag_seconds: Family::default(),
            watermark: Family::default(),
            flush_seconds: Family::new_with_constructor(seconds),
            flush_rows: Family::new_with_constructor(rows),
            flush_retries: Family::default(),
            fenced: Family::default(),
            states: Family::default(),
            queued_bytes: Family::default(),
            dedup_keys: Family::default(),
            dedup_bytes: Family::default(),
            transform_seconds: Family::new_with_constructor(calls),
            transform_traps: Family::default(),
            headroom: Family::default(),
            revision_active: Family::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&self) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let build: Family<OfBuild, Gauge> = Family::default();
        let version = env!("CARGO_PKG_VERSION");
        build.get_or_create(&OfBuild { version }).set(1);
        registry.register("gristmill_build_info", "The program", build);
        register! {
            registry, self,
            records "records" "Records that were committed"
            rows "rows_upserted" "Rows handed to the table"
            superseded "rows_superseded" "Rows that lost to a newer event before the table"
            stale "rows_stale" "Rows that the table had newer ones of"
            late "rows_late" "Rows behind the watermark, whatever became of them"
            dead_letters "dead_letters" "Records and rows that could not be used"
            letters_waiting "dead_letters_waiting" "Dead letters that nobody took yet"
            lag "lag_records" "Records that Kafka has and the table does not"
            lag_seconds "lag_seconds" "Age of the first record that waits; 0 where none does"
            watermark "watermark_seconds" "The watermark, seconds since the Unix epoch"
            flush_seconds "flush_seconds" "Time from a flush's begin to its commit"
            flush_rows "flush_rows" "Rows of a flush"
            flush_retries "flush_retries" "Flushes that were sent again"
            fenced "fenced" "Flushes that found another owner and wrote nothing"
            states "partition_state" "1 for the state that the partition is in"
            queued_bytes "queued_bytes" "Bytes that are read and not yet committed"
            dedup_keys "dedup_keys" "Keys whose newest version is known"
            dedup_bytes "dedup_bytes" "Memory of the newest versions"
            transform_seconds "transform_seconds" "Time that a transform worked at a batch"
            headroom "retention_headroom_seconds"
                "Until Kafka may delete what the table does not have; by retention.ms alone"
            transform_traps "transform_traps" "Rows at which a transform trapped or ran too long"
            revision_active "revision_active" "The revision that is active"
        }
    }

    /// The meter of a partition that begins.
    pub fn meter(self: &Arc<Self>, pipeline: &str, partition: &TopicPartition) -> PartitionMeter {
        let of = OfPartition::new(pipeline, partition);
        PartitionMeter {
            records: self.records.get_or_create_owned(&of),
            rows: self.rows.get_or_create_owned(&of),
            superseded: self.superseded.get_or_create_owned(&of),
            late: self.late.get_or_create_owned(&of),
            flush_seconds: self.flush_seconds.get_or_create_owned(&of),
            flush_rows: self.flush_rows.get_or_create_owned(&of),
            watermark: self.watermark.get_or_create_owned(&of),
            queued_bytes: self.queued_bytes.get_or_create_owned(&of),
            dedup_keys: self.dedup_keys.get_or_create_owned(&of),
            dedup_bytes: self.dedup_bytes.get_or_create_owned(&of),
            codes: Vec::new(),
            metrics: Arc::clone(self),
            of,
        }
    }

    /// A flush is sent again.
    pub fn retried(&self, pipeline: &str, partition: &TopicPartition) {
        let of = OfPartition::new(pipeline, partition);
        self.flush_retries.get_or_create(&of).inc();
    }

    /// A transform has worked at a batch for so long.
    pub fn transform_took(&self, pipeline: &str, transform: &str, took: Duration) {
        let of = OfTransform {
            pipeline: pipeline.to_owned(),
            transform: transform.to_owned(),
        };
        let seconds = self.transform_seconds.get_or_create(&of);
        seconds.observe(took.as_secs_f64());
    }

    /// A flush found another owner.
    pub fn fenced(&self, pipeline: &str, partition: &TopicPartition) {
        let of = OfPartition::new(pipeline, partition);
        self.fenced.get_or_create(&of).inc();
    }

    /// The partition went to another process, which has its gauges from here on. Counters stay.
    pub fn gone(&self, pipeline: &str, partition: &TopicPartition) {
        let of = OfPartition::new(pipeline, partition);
        self.lag.remove(&of);
        self.lag_seconds.remove(&of);
        self.headroom.remove(&of);
        self.watermark.remove(&of);
        self.queued_bytes.remove(&of);
        self.dedup_keys.remove(&of);
        self.dedup_bytes.remove(&of);
    }

    /// How far a partition is behind: records, and the age of the first one that waits.
    pub fn set_lag(&self, pipeline: &str, partition: &TopicPartition, records: i64, seconds: f64) {
        let of = OfPartition::new(pipeline, partition);
        self.lag.get_or_create(&of).set(records);
        self.lag_seconds.get_or_create(&of).set(seconds);
    }

    /// How far a partition is behind is not known: a number of before would look like one of now.
    pub fn lag_unknown(&self, pipeline: &str, partition: &TopicPartition) {
        let of = OfPartition::new(pipeline, partition);
        self.lag.remove(&of);
        self.lag_seconds.remove(&of);
        self.headroom.remove(&of);
    }

    /// How long Kafka keeps what a partition is to read next; `None`: not known, or for ever.
    pub fn set_headroom(&self, pipeline: &str, partition: &TopicPartition, seconds: Option<f64>) {
        let of = OfPartition::new(pipeline, partition);
        match seconds {
            Some(seconds) => {
                self.headroom.get_or_create(&of).set(seconds);
            }
            None => {
                self.headroom.remove(&of);
            }
        }
    }

    /// Dead letters of a pipeline that nobody took yet.
    pub fn set_letters_waiting(&self, pipeline: &str, letters: i64) {
        let pipeline = pipeline.to_owned();
        let of = OfPipeline { pipeline };
        self.letters_waiting.get_or_create(&of).set(letters);
    }

    fn set_states(&self, now: &Running) {
        let of = OfPipeline {
            pipeline: now.pipeline.clone(),
        };
        let active = self.revision_active.get_or_create(&of);
        active.set(now.active_revision.into());
        for (partition, state) in &now.partitions {
            for each in PartitionState::ALL {
                let of = OfState {
                    pipeline: now.pipeline.clone(),
                    topic: partition.topic.to_string(),
                    partition: partition.partition,
                    state: each.as_str(),
                };
                self.states.get_or_create(&of).set((each == *state).into());
            }
        }
    }

    /// All numbers in OpenMetrics' text, with what the pipelines are doing `now`.
    pub fn open_metrics(&self, now: &[Running]) -> String {
        // Held until all is written: another collector must not find half of the states.
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        self.states.clear();
        for running in now {
            self.set_states(running);
        }
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = text::encode(&mut text, &registry);
        text
    }
}

impl OfPartition {
    fn new(pipeline: &str, partition: &TopicPartition) -> Self {
        Self {
            pipeline: pipeline.to_owned(),
            topic: partition.topic.to_string(),
            partition: partition.partition,
        }
    }
}

impl PartitionMeter {
    /// A batch has committed.
    pub fn committed(&mut self, batch: &Computed, flush: &CommittedFlush, sizes: &Sizes) {
        let counts = &batch.counts;
        self.records.inc_by(counts.records);
        self.rows.inc_by(counts.rows);
        self.superseded.inc_by(counts.superseded);
        self.late.inc_by(counts.late);
        self.stale(flush);
        self.flush_seconds.observe(flush.took.as_secs_f64());
        self.flush_rows.observe(counts.rows as f64);
        self.queued_bytes.set(sizes.queued_bytes as i64);
        self.dedup_keys.set(sizes.dedup_keys as i64);
        self.dedup_bytes.set(sizes.dedup_bytes as i64);
        if let Some(us) = sizes.watermark_us {
            self.watermark.set(us as f64 / 1e6);
        }
        let is_same = |a: &DeadLetter, b: &DeadLetter| a.code == b.code && a.stage == b.stage;
        for letters in batch.dead_letters.chunk_by(is_same) {
            self.letters(&letters[0], letters.len() as u64);
        }
    }

    /// Counts, where none is stale, too: who collects learns that there is such a number.
    fn stale(&self, flush: &CommittedFlush) {
        let of = OfRevision {
            pipeline: self.of.pipeline.clone(),
            topic: self.of.topic.clone(),
            partition: self.of.partition,
            revision: flush.revision,
        };
        let stale = self.metrics.stale.get_or_create(&of);
        stale.inc_by(flush.stale_rows);
    }

    /// Counts dead letters of one code and stage.
    fn letters(&mut self, like: &DeadLetter, count: u64) {
        let is_known = self.codes.contains(&like.code);
        let has_room = self.codes.len() < CODES_MAX;
        if !is_known && has_room {
            self.codes.push(like.code.clone());
        }
        let code = if is_known || has_room {
            &like.code
        } else {
            "other"
        };
        let of = OfCode {
            pipeline: self.of.pipeline.clone(),
            topic: self.of.topic.clone(),
            partition: self.of.partition,
            code: code.to_owned(),
        };
        self.metrics.dead_letters.get_or_create(&of).inc_by(count);
        if let (Stage::Transform(name), true) = (&like.stage, is_trap(&like.code)) {
            let of = OfTransform {
                pipeline: self.of.pipeline.clone(),
                transform: name.clone(),
            };
            let traps = &self.metrics.transform_traps;
            traps.get_or_create(&of).inc_by(count);
        }
    }
}

/// Whether the host ended the transform, rather than the transform refusing the row.
fn is_trap(code: &str) -> bool {
    code.starts_with("transform-")
}

/// OpenMetrics' text as Prometheus' own format, in which a counter's name has its ending in the
/// comments, too.
pub fn as_prometheus(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    let mut counters = BTreeSet::new();
    for line in open_metrics.lines() {
        if let Some(name) = line
            .strip_prefix("# TYPE ")
            .and_then(|l| l.strip_suffix(" counter"))
        {
            counters.insert(name);
        }
    }
    for line in open_metrics.lines().filter(|line| *line != "# EOF") {
        let mut words = line.splitn(4, ' ');
        let is_comment = words.next() == Some("#");
        let (what, name, rest) = (words.next(), words.next(), words.next());
        match (is_comment, what, name, rest) {
            (true, Some(what), Some(name), Some(rest)) if counters.contains(name) => {
                text.push_str(&format!("# {what} {name}_total {rest}\n"));
            }
            _ => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collectors_do_not_find_each_others_halves() {
        let metrics = Metrics::default();
        let partitions = (0..50).map(|n| (TopicPartition::new("t", n), PartitionState::Running));
        let now = [Running {
            pipeline: "p".to_owned(),
            active_revision: 1,
            partitions: partitions.collect(),
        }];
        let states = |text: String| text.matches("gristmill_partition_state{").count();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        let found = states(metrics.open_metrics(&now));
                        assert_eq!(found, 50 * PartitionState::ALL.len());
                    }
                });
            }
        });
    }
}
