//! The partitions being fetched and what was read of each since its last chunk.

use gristmill_core::decode::Heads;
use gristmill_core::record::{Records, Value};
use rdkafka::message::{BorrowedMessage, Message};

use crate::client::QUEUES_MAX_BYTES;
use crate::source::feed::Feed;
use crate::source::headers::{RawHeaders, text};
use crate::source::rebalance::FetchStart;
use crate::{TopicId, TopicPartition};

/// A chunk is handed over when it holds this much: large enough that a channel send costs nothing
/// per record, small enough for the cache.
const CHUNK_BYTES: usize = 1 << 20;
const CHUNK_RECORDS: usize = 4_096;
/// The same with each value in one piece: more than fills a batch of those that share most.
const CHUNK_WHOLE_BYTES: usize = 4 << 20;

/// One partition being fetched.
pub(crate) struct Reading {
    partition: TopicPartition,
    feed: Feed,
    records: Records,
    heads: Heads,
    /// Records and bytes of the last chunk: the next one is given room for as much.
    chunk: (usize, usize),
    next_offset: i64,
    topic_id: Option<TopicId>,
    /// Below this offset all was read while the topic was surely the one that the partition began
    /// with, and where the next answer of the brokers moves that to.
    sure_below: i64,
    sure_next: i64,
    caught_up: bool,
    /// Records came since the worker was told that waiting would bring no more.
    may_be_more: bool,
    paused: bool,
    /// Whether it was said that some header has a name that is no UTF-8.
    renamed: bool,
}

/// The partitions being fetched. They are few, so one is found by looking through them; consecutive
/// records mostly belong to one partition.
pub(crate) struct Readings {
    readings: Vec<Reading>,
    last: usize,
    queue: QueueBound,
    /// A record above it is not copied.
    record_max_bytes: usize,
}

/// What one partition's queue may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QueueBound {
    pub(crate) bytes: usize,
    pub(crate) records: usize,
}

impl QueueBound {
    /// How much of it a queue holds: 1 is all of it.
    fn held_by(&self, feed: &Feed) -> f64 {
        let of = |held: usize, max: usize| held as f64 / max.max(1) as f64;
        let records = of(feed.queued_records(), self.records);
        of(feed.queued_bytes(), self.bytes).max(records)
    }
}

/// What a partition's queue asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    Pause,
    Resume,
}

/// A partition whose topic is no longer the one that it began with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OfAnother {
    pub(crate) partition: TopicPartition,
    pub(crate) began_with: TopicId,
    /// What was read below this offset is surely of that one.
    pub(crate) sure_below: i64,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    Kept,
    /// It filled a chunk, which was handed over.
    ChunkLeft,
}

impl Reading {
    pub(crate) fn new(partition: TopicPartition, start: FetchStart) -> Self {
        Self {
            partition,
            feed: start.feed,
            records: Records::default(),
            heads: Heads::default(),
            chunk: (0, 0),
            next_offset: start.next_offset,
            topic_id: start.topic_id,
            sure_below: start.next_offset,
            sure_next: start.next_offset,
            caught_up: false,
            may_be_more: false,
            paused: false,
            renamed: false,
        }
    }

    fn push(&mut self, message: &BorrowedMessage<'_>, record_max_bytes: usize) -> Pushed {
        let offset = message.offset();
        // The broker answers with whole batches; librdkafka drops what lies before the wanted
        // offset. Checked, because a repeated record must not get further.
        if offset < self.next_offset {
            return Pushed::Kept;
        }
        if self.records.is_empty() {
            let (records, bytes) = self.chunk;
            self.records = Records::with_room(records, bytes);
        }
        let heads = Some(&mut self.heads);
        let copied = push(&mut self.records, message, record_max_bytes, heads);
        // Once a start: a producer that does it does it in each record.
        if copied.renamed && !std::mem::replace(&mut self.renamed, true) {
            tracing::warn!(
                partition = %self.partition,
                offset,
                "a header has a name that is no UTF-8, here and perhaps in records after it"
            );
        }
        self.next_offset = offset + 1;
        self.may_be_more = true;
        let has_room = self.records.len() < CHUNK_RECORDS
            && self.records.bytes() < CHUNK_BYTES
            && self.records.whole_bytes() < CHUNK_WHOLE_BYTES;
        if has_room {
            return Pushed::Kept;
        }
        self.deliver(true);
        Pushed::ChunkLeft
    }

    /// Whether it is fetched although its queue holds more than so many times its bound.
    fn is_above(&self, bound: &QueueBound, times: f64) -> bool {
        !self.paused && bound.held_by(&self.feed) > times
    }

    /// Whether it is paused although its queue is down to half the bound: below
    /// [`resumes_below`](crate::source::resumes_below).
    fn is_drained(&self, bound: &QueueBound) -> bool {
        self.paused && bound.held_by(&self.feed) < 0.5
    }

    /// Hands over what was read. `more_follow`: records may wait still.
    fn deliver(&mut self, more_follow: bool) {
        if self.records.is_empty() && !self.caught_up {
            return;
        }
        let caught_up = std::mem::take(&mut self.caught_up);
        self.may_be_more &= !caught_up;
        self.chunk = (self.records.len(), self.records.bytes());
        let records = std::mem::take(&mut self.records);
        match more_follow && !caught_up {
            true => self.feed.send_and_go_on(records),
            false => self.feed.send(records, caught_up),
        }
    }
}

impl Readings {
    pub(crate) fn new(queue: QueueBound, record_max_bytes: usize) -> Self {
        Self {
            readings: Vec::new(),
            last: 0,
            queue,
            record_max_bytes,
        }
    }

    pub(crate) fn add(&mut self, reading: Reading) {
        self.remove(&reading.partition.clone());
        self.readings.push(reading);
    }

    pub(crate) fn remove(&mut self, partition: &TopicPartition) {
        self.readings.retain(|r| r.partition != *partition);
    }

    /// Takes a record over. One of a partition that is no longer fetched is dropped.
    pub(crate) fn push(&mut self, message: &BorrowedMessage<'_>) -> Pushed {
        let (topic, partition) = (message.topic(), message.partition());
        let is = |r: &Reading| r.partition.partition == partition && &*r.partition.topic == topic;
        if !self.readings.get(self.last).is_some_and(is) {
            let Some(found) = self.readings.iter().position(is) else {
                return Pushed::Kept;
            };
            self.last = found;
        }
        self.readings[self.last].push(message, self.record_max_bytes)
    }

    /// The end of partition number `partition` was reached.
    pub(crate) fn set_caught_up(&mut self, partition: i32) {
        let mut same = self
            .readings
            .iter_mut()
            .filter(|r| r.partition.partition == partition);
        if let (Some(reading), None) = (same.next(), same.next()) {
            reading.caught_up = true;
            reading.deliver(false);
        }
    }

    /// Whether a worker may wait for more records of a partition that is fetched.
    pub(crate) fn may_be_more(&self) -> bool {
        self.readings.iter().any(|r| r.may_be_more && !r.paused)
    }

    /// Nothing comes at the moment: such a worker need not wait.
    pub(crate) fn set_all_caught_up(&mut self) {
        for reading in &mut self.readings {
            reading.caught_up |= reading.may_be_more && !reading.paused;
        }
    }

    /// Hands over what was read of each. `more_follow`: records may wait still.
    pub(crate) fn deliver_all(&mut self, more_follow: bool) {
        for reading in &mut self.readings {
            reading.deliver(more_follow);
        }
    }

    /// Each partition with the offset after the last record read of it.
    pub(crate) fn positions(&self) -> Vec<(TopicPartition, i64)> {
        let readings = self.readings.iter();
        readings
            .map(|r| (r.partition.clone(), r.next_offset))
            .collect()
    }

    /// The partitions whose topic is no longer the one that they began with, now that the brokers
    /// have answered that the topic called `topic` has the id `seen`.
    pub(crate) fn of_another(&mut self, topic: &str, seen: &TopicId) -> Vec<OfAnother> {
        let of_topic = self.readings.iter_mut();
        let of_topic = of_topic.filter(|r| &*r.partition.topic == topic);
        let another = of_topic.filter_map(|r| {
            let began_with = r.topic_id.as_ref()?;
            if began_with == seen {
                // What had been read when the answer before came was read before this one was asked
                // for.
                r.sure_below = std::mem::replace(&mut r.sure_next, r.next_offset);
                return None;
            }
            Some(OfAnother {
                partition: r.partition.clone(),
                began_with: began_with.clone(),
                sure_below: r.sure_below,
            })
        });
        another.collect()
    }

    /// What to pause, should the queues be full ([`Readings::is_full`]), and what has room again.
    pub(crate) fn back_pressure(&self) -> Vec<(TopicPartition, Full)> {
        let (bound, is_full) = (self.queue_bound(), self.is_full());
        let wants = |r: &Reading| match r {
            r if is_full && r.is_above(&bound, 1.0) => Some(Full::Pause),
            r if r.is_drained(&bound) => Some(Full::Resume),
            _ => None,
        };
        self.readings
            .iter()
            .filter_map(|r| Some((r.partition.clone(), wants(r)?)))
            .collect()
    }

    /// What one partition's queue may hold. It may go up to twice that, hence the half.
    fn queue_bound(&self) -> QueueBound {
        let share = QUEUES_MAX_BYTES / 2 / self.readings.len().max(1);
        QueueBound {
            bytes: self.queue.bytes.min(share),
            records: self.queue.records,
        }
    }

    /// Whether no more should be read: the partitions that are fetched hold more than their bounds
    /// together, or one twice its own. One alone may go above its bound, since a worker that
    /// has a batch in flight and one computed must not keep another waiting, whose records come in
    /// the same answers.
    pub(crate) fn is_full(&self) -> bool {
        let bound = self.queue_bound();
        let fetched = || self.readings.iter().filter(|r| !r.paused);
        let held: f64 = fetched().map(|r| bound.held_by(&r.feed)).sum();
        held > fetched().count() as f64 || fetched().any(|r| r.is_above(&bound, 2.0))
    }

    pub(crate) fn is_paused(&self, partition: &TopicPartition) -> bool {
        self.readings
            .iter()
            .any(|r| r.partition == *partition && r.paused)
    }

    pub(crate) fn set_paused(&mut self, partition: &TopicPartition, paused: bool) {
        if let Some(reading) = self.readings.iter_mut().find(|r| r.partition == *partition) {
            reading.paused = paused;
        }
    }
}

/// What became of a message that was copied.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Copied {
    /// Some header has a name that is no UTF-8: there is U+FFFD in it now.
    pub(crate) renamed: bool,
}

/// Copies a message, but for a head of its value that is held already. Of one whose key, value and
/// headers are more than `bytes_max` the beginning is copied: what is too large is known by its
/// size, and costs no more memory than librdkafka's.
pub(crate) fn push(
    records: &mut Records,
    message: &BorrowedMessage<'_>,
    bytes_max: usize,
    heads: Option<&mut Heads>,
) -> Copied {
    let (offset, timestamp_ms) = (message.offset(), message.timestamp().to_millis());
    let (key, value) = (message.key(), message.payload());
    let headers = RawHeaders::of(message);
    let mut bytes = key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len);
    let mut renamed = false;
    for (name, value) in headers.iter() {
        bytes += name.len() + value.map_or(0, <[u8]>::len);
        renamed |= std::str::from_utf8(name).is_err();
    }
    if bytes > bytes_max {
        records.push_cut(offset, timestamp_ms, key, value, bytes);
        return Copied { renamed: false };
    }
    let value = value.map(|value| match heads {
        Some(heads) => heads.split(value),
        None => Value::from(value),
    });
    if renamed {
        let headers: Vec<_> = headers.iter().map(|(n, v)| (text(n), v)).collect();
        let headers = headers.iter().map(|(name, value)| (&**name, *value));
        records.push_sharing(offset, timestamp_ms, key, value, headers);
    } else {
        let utf8 = |(name, value)| Some((std::str::from_utf8(name).ok()?, value));
        records.push_sharing(
            offset,
            timestamp_ms,
            key,
            value,
            headers.iter().filter_map(utf8),
        );
    }
    Copied { renamed }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::source::{Intake, feed};

    /// What partitions may hold.
    const BOUND: QueueBound = QueueBound {
        bytes: 10_000,
        records: 10,
    };

    /// Partitions that hold a record of so many bytes each, and what keeps what they hold.
    fn holding<const N: usize>(bytes: [usize; N]) -> (Readings, Vec<Intake>) {
        let mut readings = Readings::new(BOUND, 1_000);
        let mut intakes = Vec::new();
        for (partition, bytes) in bytes.into_iter().enumerate() {
            let (feed, intake) = feed();
            let mut records = Records::default();
            let none = std::iter::empty();
            records.push(0, None, None, Some(&vec![0; bytes]), none);
            feed.send(records, false);
            let partition = TopicPartition::new("t", partition as i32);
            let start = FetchStart {
                next_offset: 0,
                topic_id: Some(TopicId::new("one")),
                feed,
            };
            readings.add(Reading::new(partition, start));
            intakes.push(intake);
        }
        (readings, intakes)
    }

    #[test]
    fn a_full_partition_is_paused_when_it_holds_twice_its_bound_or_the_others_have_no_room() {
        let paused = |bytes: [usize; 3]| {
            let (readings, _intakes) = holding(bytes);
            let partitions = readings.back_pressure().into_iter();
            let paused: Vec<i32> = partitions.map(|(p, _)| p.partition).collect();
            assert_eq!(readings.is_full(), !paused.is_empty());
            paused
        };
        assert_eq!(paused([0, 0, 0]), [0; 0]);
        assert_eq!(paused([15_000, 1_000, 0]), [0; 0]);
        assert_eq!(paused([15_000, 9_000, 9_000]), [0]);
        assert_eq!(paused([11_000, 11_000, 9_000]), [0, 1]);
        assert_eq!(paused([20_000, 0, 0]), [0]);
    }

    #[test]
    fn many_partitions_share_what_all_queues_may_hold() {
        let (mut readings, _intakes) = holding([0; 1_000]);
        readings.queue.bytes = usize::MAX;
        let together = 1_000 * 2 * readings.queue_bound().bytes;
        assert!(together <= QUEUES_MAX_BYTES, "{together}");
        let (readings, _intakes) = holding([0; 3]);
        assert_eq!(readings.queue_bound(), BOUND);
    }

    #[test]
    fn records_that_hold_little_are_bounded_by_their_number() {
        let (mut readings, intakes) = holding([0; 1]);
        for (records, is_full) in [(10, false), (11, true)] {
            let mut chunk = Records::default();
            let queued = readings.readings[0].feed.queued_records();
            for offset in queued..records {
                chunk.push(offset as i64, None, None, None, std::iter::empty());
            }
            readings.readings[0].feed.send(chunk, false);
            assert_eq!(readings.is_full(), is_full, "{records}");
        }
        let (partition, full) = readings.back_pressure().remove(0);
        assert_eq!(full, Full::Pause);
        readings.set_paused(&partition, true);
        assert_eq!(readings.back_pressure(), []);
        drop(intakes);
        assert_eq!(readings.back_pressure(), [(partition, Full::Resume)]);
    }

    #[test]
    fn a_paused_partition_does_not_count_and_is_resumed_below_half() {
        let (mut readings, mut intakes) = holding([20_000, 4_000]);
        let (first, _) = readings.back_pressure().remove(0);
        readings.set_paused(&first, true);
        assert!(!readings.is_full() && readings.back_pressure().is_empty());
        drop(intakes.remove(0));
        assert_eq!(readings.back_pressure(), [(first, Full::Resume)]);
    }

    #[test]
    fn partitions_of_a_topic_that_was_created_again_are_known_by_its_id() {
        let (mut readings, _intakes) = holding([0, 0]);
        let (feed, _intake) = crate::source::feed();
        let start = FetchStart {
            next_offset: 0,
            topic_id: None,
            feed,
        };
        readings.add(Reading::new(TopicPartition::new("t", 9), start));
        assert_eq!(readings.of_another("t", &TopicId::new("one")), []);
        assert_eq!(readings.of_another("u", &TopicId::new("two")), []);
        let two = TopicId::new("two");
        let numbers = |another: &[OfAnother]| -> Vec<(i32, i64)> {
            another
                .iter()
                .map(|a| (a.partition.partition, a.sure_below))
                .collect()
        };
        let another = readings.of_another("t", &two);
        assert_eq!(numbers(&another), [(0, 0), (1, 0)]);
        // What was read before an answer came is sure with the one after it.
        for next_offset in [30, 50, 70] {
            readings.readings[1].next_offset = next_offset;
            assert_eq!(readings.of_another("t", &TopicId::new("one")), []);
        }
        let another = readings.of_another("t", &two);
        assert_eq!(numbers(&another), [(0, 0), (1, 50)]);
    }
}
