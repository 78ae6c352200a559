//! The partitions being fetched and what was read of each since its last chunk.

use std::panic::AssertUnwindSafe;

use gristmill_core::record::Records;
use rdkafka::message::{BorrowedMessage, Headers, Message};

use super::TopicPartition;
use super::feed::{Feed, resumes_below};

/// A chunk is handed over when it holds this much: large enough that a channel send costs nothing per record, small enough for the cache.
const CHUNK_BYTES: usize = 1 << 20;
const CHUNK_RECORDS: usize = 4_096;

/// One partition being fetched.
pub(crate) struct Reading {
    partition: TopicPartition,
    feed: Feed,
    records: Records,
    next_offset: i64,
    caught_up: bool,
    /// Records came since the worker was told that waiting would bring no more.
    may_be_more: bool,
    paused: bool,
}

/// All of them. Few, so found by looking through them; consecutive records mostly belong to one partition.
pub(crate) struct Readings {
    readings: Vec<Reading>,
    last: usize,
    queued_max_bytes: usize,
}

/// What a partition's queue asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    Pause,
    Resume,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    Kept,
    /// It filled a chunk, which was handed over.
    ChunkLeft,
}

impl Reading {
    pub(crate) fn new(partition: TopicPartition, next_offset: i64, feed: Feed) -> Self {
        Self {
            partition,
            feed,
            records: Records::default(),
            next_offset,
            caught_up: false,
            may_be_more: false,
            paused: false,
        }
    }

    fn push(&mut self, message: &BorrowedMessage<'_>) -> Pushed {
        let offset = message.offset();
        // The broker answers with whole batches; librdkafka drops what lies before the wanted offset. Checked, because a repeated record must not get further.
        if offset < self.next_offset {
            return Pushed::Kept;
        }
        push(&mut self.records, message, &self.partition);
        self.next_offset = offset + 1;
        self.may_be_more = true;
        if self.records.len() < CHUNK_RECORDS && self.records.bytes() < CHUNK_BYTES {
            return Pushed::Kept;
        }
        self.deliver();
        Pushed::ChunkLeft
    }

    /// Whether it is fetched although its queue is above the bound.
    fn is_full(&self, queued_max_bytes: usize) -> bool {
        !self.paused && self.feed.queued_bytes() > queued_max_bytes
    }

    /// Whether it is paused although its queue is down to half the bound.
    fn is_drained(&self, queued_max_bytes: usize) -> bool {
        self.paused && self.feed.queued_bytes() < resumes_below(queued_max_bytes)
    }

    fn deliver(&mut self) {
        if self.records.is_empty() && !self.caught_up {
            return;
        }
        let caught_up = std::mem::take(&mut self.caught_up);
        self.may_be_more &= !caught_up;
        self.feed.send(std::mem::take(&mut self.records), caught_up);
    }
}

impl Readings {
    pub(crate) fn new(queued_max_bytes: usize) -> Self {
        Self {
            readings: Vec::new(),
            last: 0,
            queued_max_bytes,
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
        self.readings[self.last].push(message)
    }

    /// The end of partition number `partition` was reached.
    pub(crate) fn set_caught_up(&mut self, partition: i32) {
        let mut same = self
            .readings
            .iter_mut()
            .filter(|r| r.partition.partition == partition);
        if let (Some(reading), None) = (same.next(), same.next()) {
            reading.caught_up = true;
            reading.deliver();
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

    pub(crate) fn deliver_all(&mut self) {
        for reading in &mut self.readings {
            reading.deliver();
        }
    }

    /// Each partition with the offset after the last record read of it.
    pub(crate) fn positions(&self) -> std::vec::IntoIter<(TopicPartition, i64)> {
        let positions: Vec<_> = self
            .readings
            .iter()
            .map(|r| (r.partition.clone(), r.next_offset))
            .collect();
        positions.into_iter()
    }

    /// The partitions whose queue crossed its bound, or half of it on the way down.
    pub(crate) fn back_pressure(&self) -> Vec<(TopicPartition, Full)> {
        let wants = |r: &Reading| match self.queued_max_bytes {
            max if r.is_full(max) => Some(Full::Pause),
            max if r.is_drained(max) => Some(Full::Resume),
            _ => None,
        };
        self.readings
            .iter()
            .filter_map(|r| Some((r.partition.clone(), wants(r)?)))
            .collect()
    }

    /// Whether the queue of a partition that is fetched is above its bound.
    pub(crate) fn is_full(&self) -> bool {
        let max = self.queued_max_bytes;
        self.readings.iter().any(|r| r.is_full(max))
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

/// Copies a message.
pub(crate) fn push(
    records: &mut Records,
    message: &BorrowedMessage<'_>,
    partition: &TopicPartition,
) {
    let offset = message.offset();
    let timestamp_ms = message.timestamp().to_millis();
    let (key, value) = (message.key(), message.payload());
    let Some(headers) = message.headers() else {
        let none = std::iter::empty();
        return records.push(offset, timestamp_ms, key, value, none);
    };
    let readable = readable_headers(headers);
    if readable < headers.count() {
        tracing::warn!(%partition, offset, "header {readable} has a name that is not utf-8; it and those after it are left out");
    }
    let headers = (0..readable)
        .map(|i| headers.get(i))
        .map(|h| (h.key, h.value));
    records.push(offset, timestamp_ms, key, value, headers);
}

/// How many headers, from the first on, can be read. rdkafka panics at a header whose name is not UTF-8, and such a record must not end the consumer.
fn readable_headers(headers: &impl Headers) -> usize {
    let readable = |i: &usize| {
        let read = AssertUnwindSafe(|| headers.get(*i).key.len());
        std::panic::catch_unwind(read).is_ok()
    };
    (0..headers.count()).take_while(readable).count()
}

#[cfg(test)]
mod tests {
    use rdkafka::message::Header;

    use super::*;

    /// As rdkafka's own do.
    struct PanicsAt(usize);

    impl Headers for PanicsAt {
        fn count(&self) -> usize {
            3
        }

        fn try_get(&self, i: usize) -> Option<Header<'_, &[u8]>> {
            assert_ne!(i, self.0, "not utf-8");
            let (key, value) = ("name", None);
            Some(Header { key, value })
        }
    }

    #[test]
    fn a_header_that_cannot_be_read_ends_the_headers_and_not_the_thread() {
        assert_eq!(readable_headers(&PanicsAt(0)), 0);
        assert_eq!(readable_headers(&PanicsAt(2)), 2);
        assert_eq!(readable_headers(&PanicsAt(3)), 3);
    }
}
