//! The way of a partition's records from the consumer's thread to its worker: unbounded as a
//! channel, bounded by bytes and by records.
//!
//! Every start of a partition gets a feed of its own. Whatever was read for an earlier start goes
//! to the earlier feed, so a record from before a restart cannot arrive after it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gristmill_core::record::Records;
use tokio::sync::mpsc;

/// What a record costs beside its own bytes: its place in the index of [`Records`].
const RECORD_OVERHEAD_BYTES: usize = 80;

/// A partition that was paused because its queue is full is fetched again below this. A worker must
/// not wait for more records above it: perhaps none come.
pub fn resumes_below(queued_max_bytes: usize) -> usize {
    // At least 1: nothing is less than 0.
    (queued_max_bytes / 2).max(1)
}

/// Makes the two ends for one start of one partition.
#[allow(
    clippy::disallowed_methods,
    reason = "its limit is in bytes and records, which the consumer counts"
)]
pub fn feed() -> (Feed, Intake) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let queued = Arc::default();
    (Feed { sender, queued }, Intake { receiver })
}

/// The consumer's end.
#[derive(Debug)]
pub struct Feed {
    sender: mpsc::UnboundedSender<Chunk>,
    queued: Arc<Queued>,
}

/// What was handed over and is still held.
#[derive(Debug, Default)]
struct Queued {
    bytes: AtomicUsize,
    records: AtomicUsize,
}

/// The worker's end.
#[derive(Debug)]
pub struct Intake {
    receiver: mpsc::UnboundedReceiver<Chunk>,
}

/// Consecutive records of one partition.
#[derive(Debug)]
pub struct Chunk {
    /// May be empty when `caught_up`.
    pub records: Records,
    /// The end of the partition was reached after these, or no more have come for a moment:
    /// waiting would not fill a batch. With several topics it is reported only for a partition
    /// number that one topic alone has here: librdkafka's safe interface names the number and
    /// not the topic.
    pub caught_up: bool,
    /// The source had more records at hand, perhaps of other partitions: a batch that is not full
    /// may wait a moment.
    pub more_follow: bool,
    /// The records count against the partition's bounds until this is dropped: keep it until they
    /// are committed.
    pub held: QueuedBytes,
}

/// Bytes that are read and not yet processed.
#[derive(Debug)]
pub struct QueuedBytes {
    queued: Arc<Queued>,
    bytes: usize,
    records: usize,
}

impl Feed {
    /// Hands a chunk over. A worker that is gone is no error: its partition is about to be stopped
    /// or restarted.
    pub fn send(&self, records: Records, caught_up: bool) {
        self.hand_over(records, caught_up, false);
    }

    /// The same, while more records may wait behind these.
    pub fn send_and_go_on(&self, records: Records) {
        self.hand_over(records, false, true);
    }

    fn hand_over(&self, records: Records, caught_up: bool, more_follow: bool) {
        let bytes = records.bytes() + records.len() * RECORD_OVERHEAD_BYTES;
        self.queued.bytes.fetch_add(bytes, Ordering::Relaxed);
        let added = records.len();
        self.queued.records.fetch_add(added, Ordering::Relaxed);
        let held = QueuedBytes {
            queued: Arc::clone(&self.queued),
            bytes,
            records: added,
        };
        let _ = self.sender.send(Chunk {
            records,
            caught_up,
            more_follow,
            held,
        });
    }

    /// Bytes handed over and still held.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.queued.bytes.load(Ordering::Relaxed)
    }

    /// Records handed over and still held.
    pub(crate) fn queued_records(&self) -> usize {
        self.queued.records.load(Ordering::Relaxed)
    }
}

impl Intake {
    /// The next chunk; `None` once the partition was halted, restarted, revoked or lost and what
    /// was read before is taken. Cancel safe.
    pub async fn recv(&mut self) -> Option<Chunk> {
        self.receiver.recv().await
    }

    /// [`Intake::recv`] for a thread that is not of an async runtime.
    pub fn blocking_recv(&mut self) -> Option<Chunk> {
        self.receiver.blocking_recv()
    }

    /// The next chunk if one waits.
    pub fn try_recv(&mut self) -> Option<Chunk> {
        self.receiver.try_recv().ok()
    }
}

impl QueuedBytes {
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for QueuedBytes {
    fn drop(&mut self) {
        self.queued.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        let records = &self.queued.records;
        records.fetch_sub(self.records, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(values: &[&str]) -> Records {
        let mut records = Records::default();
        for (offset, value) in values.iter().enumerate() {
            records.push(
                offset as i64,
                None,
                None,
                Some(value.as_bytes()),
                std::iter::empty(),
            );
        }
        records
    }

    #[test]
    fn records_are_held_until_the_chunk_is_dropped_also_when_nobody_receives() {
        let (feed, mut intake) = feed();
        feed.send(records(&["abc", "d"]), false);
        feed.send(records(&[]), true);
        let held = 4 + 2 * RECORD_OVERHEAD_BYTES;
        assert_eq!((feed.queued_bytes(), feed.queued_records()), (held, 2));
        let Chunk { held: guard, .. } = intake.try_recv().unwrap();
        assert_eq!(feed.queued_bytes(), held);
        drop(guard);
        assert_eq!((feed.queued_bytes(), feed.queued_records()), (0, 0));
        assert!(intake.try_recv().unwrap().caught_up);
        feed.send(records(&["x"]), false);
        drop(intake);
        feed.send(records(&["y"]), false);
        assert_eq!(feed.queued_bytes(), 0);
    }
}
