//! The host's event-time rules, row by row in offset order.

use std::cell::LazyCell;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, Int64Array};
use arrow_buffer::ScalarBuffer;

use crate::column::{Batch, Field};
use crate::dead_letter::{DeadLetter, Stage};
use crate::decode::ValueForm;
use crate::dedup::{VersionColumns, VersionKind, Watermark};
use crate::record::Records;

use super::normalize::Normalized;
use super::step::ordinal;
use super::truncates::Truncates;
use super::{Late, RowSource, TimePolicy, Truncate};

/// Microseconds in a second, for messages.
const SECOND_US: i64 = 1_000_000;

/// The column that holds the event time, and its unit.
#[derive(Clone, Copy, Debug)]
pub(super) struct EventTimeColumn {
    position: usize,
    to_us: i64,
}

/// What became of a batch's rows.
pub(super) struct Judged {
    /// The event time of each row, microseconds; means nothing where it is null.
    pub(super) event_time_us: Vec<i64>,
    /// The rows that go on, in offset order.
    pub(super) accepted: Vec<u32>,
    /// Rows behind the watermark.
    pub(super) late: u64,
    pub(super) event_time_max: Option<i64>,
}

impl EventTimeColumn {
    /// `None` when `fields` has no timestamp of that name.
    pub(super) fn new(name: &str, fields: &[Field]) -> Option<Self> {
        let position = fields.iter().position(|f| f.name == name)?;
        let to_us = fields[position].logical_type.unit_us()?;
        Some(Self { position, to_us })
    }

    /// Its place.
    pub(super) fn position(self) -> usize {
        self.position
    }

    /// Microseconds of each row. A time beyond the range stays at its end, so that the clock or the
    /// floor refuses it.
    fn read(&self, batch: &Batch) -> Vec<i64> {
        let values = batch.columns[self.position]
            .values
            .as_primitive::<Int64Type>()
            .values();
        values
            .iter()
            .map(|v| v.saturating_mul(self.to_us))
            .collect()
    }

    /// The microseconds of a row; means nothing where it is null.
    pub(super) fn of_rows(self, batch: &Batch) -> impl Fn(usize) -> i64 + use<> {
        let values = batch.columns[self.position]
            .values
            .as_primitive::<Int64Type>();
        let (values, to_us) = (values.values().clone(), self.to_us);
        move |row| values[row].saturating_mul(to_us)
    }

    /// Writes the microseconds of each row; nulls stay.
    fn write(&self, batch: &mut Batch, event_time_us: &[i64]) {
        let column = &mut batch.columns[self.position];
        let nulls = column.values.nulls().cloned();
        let values: ScalarBuffer<i64> = event_time_us.iter().map(|us| us / self.to_us).collect();
        column.values = Arc::new(Int64Array::new(values, nulls));
    }
}

/// The rules that one batch's rows are judged by.
pub(super) struct Judge<'a> {
    pub(super) event_time: EventTimeColumn,
    pub(super) versions: &'a VersionColumns,
    pub(super) kind: VersionKind,
    /// Rows without a key.
    pub(super) truncates: &'a Truncates,
    pub(super) policy: &'a TimePolicy,
    pub(super) now_us: i64,
    pub(super) records: &'a Records,
    /// What is no value, where such records make rows.
    pub(super) tombstones: Option<ValueForm<'a>>,
    /// Whether the records are a log without holes, so that a tombstone has a place in it.
    pub(super) is_log: bool,
}

impl Judge<'_> {
    /// Judges the rows in offset order, after records whose highest event time was
    /// `event_time_max`. A row that is refused does not touch the watermark.
    ///
    /// A record without a value has no event time but Kafka's, which is of another clock. It gets
    /// the highest event time before it, whatever Kafka's is: so it stands at its place in the log,
    /// is no older than anything of its key before it, and its time does not depend on how batches
    /// were cut. Where the records are no log, nobody knows its place, and Kafka's time stays; so
    /// it does where event times do not decide which row is newer. One with which a partition
    /// begins gets Kafka's, and is no newer than the events of its batch.
    pub(super) fn judge(
        &self,
        normalized: &mut Normalized,
        event_time_max: Option<i64>,
        dead_letters: &mut Vec<DeadLetter>,
    ) -> Judged {
        let Normalized { batch, sources, .. } = normalized;
        let mut event_time_us = self.event_time.read(batch);
        let nulls = batch.columns[self.event_time.position].values.nulls();
        let mut moved = false;
        let mut watermark = Watermark::new(event_time_max, self.policy.watermark_delay_us);
        let mut accepted = Vec::with_capacity(batch.rows);
        let mut late = 0;
        let first = LazyCell::new(|| self.first_of_events(batch, sources));
        let is_placed = self.is_log && self.kind == VersionKind::EventTime;
        for (row, &source) in sources.iter().enumerate() {
            let is_truncate = self.truncates.contains(row as u32);
            if is_truncate && self.truncates.policy == Truncate::Ignore {
                continue;
            }
            let mut time = event_time_us[row];
            if is_placed && self.is_tombstone(source) {
                let begins = || first.map_or(time, |first| first.min(time));
                time = watermark.event_time_max().unwrap_or_else(begins);
                moved |= time != event_time_us[row];
                event_time_us[row] = time;
            }
            let refusal = if !is_truncate && self.versions.is_key_null(batch, row) {
                Some(Refusal::NullKey)
            } else if nulls.is_some_and(|n| n.is_null(row)) {
                Some(Refusal::NullEventTime)
            } else if time > self.latest_us() {
                Some(Refusal::Future)
            } else if time < self.policy.floor_us {
                Some(Refusal::BeforeFloor)
            } else {
                let is_late = watermark.is_late(source.record, time);
                late += u64::from(is_late);
                (is_late && self.policy.late == Late::DeadLetter).then_some(Refusal::Late)
            };
            match refusal {
                None => accepted.push(row as u32),
                Some(refusal) => {
                    let max = watermark.event_time_max();
                    dead_letters.push(self.dead_letter(refusal, source, time, max));
                }
            }
        }
        if moved {
            self.event_time.write(batch, &event_time_us);
        }
        Judged {
            event_time_us,
            accepted,
            late,
            event_time_max: watermark.event_time_max(),
        }
    }

    fn is_tombstone(&self, source: RowSource) -> bool {
        self.tombstones.is_some_and(|form| {
            let record = source.record as usize;
            !self.records.has_value(record) || form.is_tombstone(&self.records.get(record))
        })
    }

    /// The lowest time of what is no tombstone and has a time that counts: for tombstones with
    /// which a partition begins.
    fn first_of_events(&self, batch: &Batch, sources: &[RowSource]) -> Option<i64> {
        let nulls = batch.columns[self.event_time.position].values.nulls();
        let times = self.event_time.read(batch);
        let rows = times.into_iter().zip(sources).enumerate();
        let counts = |&(row, (time, source)): &(usize, (i64, &RowSource))| {
            !self.is_tombstone(*source)
                && nulls.is_none_or(|nulls| nulls.is_valid(row))
                && (self.policy.floor_us..=self.latest_us()).contains(&time)
        };
        rows.filter(counts).map(|(_, (time, _))| time).min()
    }

    /// The latest event time that is allowed now.
    fn latest_us(&self) -> i64 {
        self.now_us.saturating_add(self.policy.future_max_us)
    }

    fn dead_letter(
        &self,
        refusal: Refusal,
        source: RowSource,
        time: i64,
        event_time_max: Option<i64>,
    ) -> DeadLetter {
        let (policy, seconds) = (self.policy, |us: i64| us / SECOND_US);
        let ahead = seconds(time.saturating_sub(self.now_us));
        let behind = seconds(event_time_max.unwrap_or(time).saturating_sub(time));
        let (code, message) = match refusal {
            Refusal::NullKey => ("null-key", "the row has no key".to_owned()),
            Refusal::NullEventTime => ("null-event-time", "the row has no event time".to_owned()),
            Refusal::Future => (
                "future-time",
                format!(
                    "the event time is {ahead} s ahead of the clock, more than the {} s allowed\
                     {}",
                    seconds(policy.future_max_us),
                    unit_hint(time, self.now_us)
                ),
            ),
            Refusal::BeforeFloor => (
                "before-floor",
                format!(
                    "the event time, {} s since 1970, is before the floor, {} s{}",
                    seconds(time),
                    seconds(policy.floor_us),
                    unit_hint(time, self.now_us)
                ),
            ),
            Refusal::Late => (
                "late",
                format!(
                    "the event time is {behind} s behind the partition's highest, more than the \
                     {} s allowed",
                    seconds(policy.watermark_delay_us)
                ),
            ),
        };
        let (record, ordinal) = (source.record, ordinal(source));
        DeadLetter {
            record,
            ordinal,
            stage: Stage::EventTime,
            code: code.to_owned(),
            message,
        }
    }
}

/// What a time that lies far off looks like, when another unit would bring it to our days.
#[cold]
fn unit_hint(time_us: i64, now_us: i64) -> &'static str {
    // Ten years around now.
    const NEAR_US: i64 = 10 * 365 * 24 * 3600 * SECOND_US;
    let is_near = |us: i128| (us - i128::from(now_us)).abs() < i128::from(NEAR_US);
    let time = i128::from(time_us);
    if is_near(time * 1_000) {
        " (it looks like a time in a unit 1,000 times as long: seconds where milliseconds are \
         expected)"
    } else if is_near(time / 1_000) {
        " (it looks like a time in a unit 1,000 times as short: microseconds where milliseconds \
         are expected)"
    } else if is_near(time / 1_000_000) || time_us == i64::MAX {
        " (it looks like nanoseconds where milliseconds are expected)"
    } else {
        ""
    }
}

/// What keeps a row from going on.
#[derive(Clone, Copy)]
enum Refusal {
    NullKey,
    NullEventTime,
    Future,
    BeforeFloor,
    Late,
}
