//! The open batch: records that were read and wait for a flush.

use std::collections::VecDeque;
use std::time::Duration;

use gristmill_core::record::Records;
use tokio::time::Instant;

use gristmill_kafka::source::{Chunk, QueuedBytes, resumes_below};

/// Most bytes of one flush, give or take a chunk: far below what a column (2 GiB) or a statement (1
/// GiB) can hold, with columns computed and parameters copied beside it, and above 5,000 records of
/// 3 kB.
const BATCH_MAX_BYTES: usize = 16 << 20;

/// Most bytes of one flush where a partition's queue may hold so many, give or take a chunk: half
/// of them, so that there is room for one batch in flight and one that is computed ahead.
pub(crate) fn batch_max_bytes(queued_max_bytes: usize) -> usize {
    resumes_below(queued_max_bytes).min(BATCH_MAX_BYTES)
}

/// Most bytes of one flush with each value in one piece, as dead letters and columns of whole
/// values hold them.
pub(crate) fn whole_max_bytes(queued_max_bytes: usize) -> usize {
    // Debezium's schema of a table takes three times what its payload does.
    const TIMES: usize = 4;
    (batch_max_bytes(queued_max_bytes).saturating_mul(TIMES)).min(BATCH_MAX_BYTES)
}

/// So long a batch that could be flushed waits for records that the source has at hand: reading
/// half a queue takes 20 ms, on a busy machine twice that. Each flush costs Postgres half a
/// millisecond, and while much waits that is what reading lacks.
const FILL_WAIT: Duration = Duration::from_millis(50);

/// Records that were read and wait for a flush. Bytes stay counted against the partition's bound
/// until [`OpenBatch::release`].
pub(crate) struct OpenBatch {
    max_rows: usize,
    /// See [`batch_max_bytes`].
    max_bytes: usize,
    /// See [`whole_max_bytes`].
    max_whole_bytes: usize,
    linger_rows: usize,
    /// So many bytes that count against the partition's bound do not wait: the source may hold
    /// back more until they are committed.
    linger_bytes: usize,
    linger: Duration,
    /// Unread chunks; of the first one, records from `position` on.
    chunks: VecDeque<Records>,
    position: usize,
    rows: usize,
    bytes: usize,
    /// The same with each value in one piece.
    whole_bytes: usize,
    /// Since when the oldest record waits.
    since: Option<Instant>,
    /// After the newest record the partition's end was reached, or nothing has come for a moment:
    /// waiting would bring no more.
    caught_up: bool,
    /// After the newest record the source had more at hand.
    more_follow: bool,
    /// The oldest records were taken once and came back: they have waited long enough.
    came_back: bool,
    /// The guards of chunks not yet committed, each with the records it still covers.
    held: VecDeque<(usize, QueuedBytes)>,
    /// What counts by `held`: the bytes of whole chunks, those of a batch in flight among them.
    held_bytes: usize,
}

impl OpenBatch {
    pub(crate) fn new(
        max_rows: usize,
        linger_rows: usize,
        queued_max_bytes: usize,
        linger: Duration,
    ) -> Self {
        Self {
            max_rows,
            max_bytes: batch_max_bytes(queued_max_bytes),
            max_whole_bytes: whole_max_bytes(queued_max_bytes),
            linger_rows: linger_rows.min(max_rows),
            linger_bytes: resumes_below(queued_max_bytes),
            linger,
            chunks: VecDeque::new(),
            position: 0,
            rows: 0,
            bytes: 0,
            whole_bytes: 0,
            since: None,
            caught_up: false,
            more_follow: false,
            came_back: false,
            held: VecDeque::new(),
            held_bytes: 0,
        }
    }

    pub(crate) fn push(&mut self, chunk: Chunk) {
        (self.caught_up, self.more_follow) = (chunk.caught_up, chunk.more_follow);
        let rows = chunk.records.len();
        if rows == 0 {
            return;
        }
        self.rows += rows;
        self.bytes += chunk.records.bytes();
        self.whole_bytes += chunk.records.whole_bytes();
        self.held_bytes += chunk.held.bytes();
        self.held.push_back((rows, chunk.held));
        self.chunks.push_back(chunk.records);
        self.since.get_or_insert_with(Instant::now);
    }

    /// Whether a whole flush waits.
    pub(crate) fn is_full(&self) -> bool {
        self.rows >= self.max_rows
            || self.bytes >= self.max_bytes
            || self.whole_bytes >= self.max_whole_bytes
    }

    /// Whether a flush should begin now, none being in flight: no more records are on their way, or
    /// enough wait and no more come at once, or the oldest has waited long enough.
    pub(crate) fn is_due(&self) -> bool {
        self.rows > 0
            && (self.caught_up
                || self.came_back
                || self.has_enough() && !self.more_follow
                || self.held_bytes >= self.linger_bytes
                || self.is_full()
                || self.due_at().is_some_and(|due| due <= Instant::now()))
    }

    fn has_enough(&self) -> bool {
        self.rows >= self.linger_rows
    }

    /// Bytes that are read and not yet committed.
    pub(crate) fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// When the oldest record will have waited long enough.
    pub(crate) fn due_at(&self) -> Option<Instant> {
        let wait = match self.has_enough() {
            true => self.linger.min(FILL_WAIT),
            false => self.linger,
        };
        self.since.map(|since| since + wait)
    }

    /// One flush's records, oldest first: some below the offset `cut`, or others.
    pub(crate) fn take(&mut self, cut: i64) -> Records {
        let mut records = Records::default();
        let first = self.chunks.front();
        let is_below = first.is_some_and(|chunk| chunk.offset(self.position) < cut);
        while let Some(chunk) = self.chunks.front_mut() {
            let mut end = chunk
                .len()
                .min(self.position + self.max_rows - records.len());
            if is_below && end > self.position && chunk.offset(end - 1) >= cut {
                let mut rows = self.position..end;
                end = rows.find(|row| chunk.offset(*row) >= cut).unwrap_or(end);
            }
            if self.position == 0 && end == chunk.len() {
                records.append_whole(std::mem::take(chunk));
            } else {
                records.append(chunk, self.position..end);
            }
            if end < chunk.len() {
                self.position = end;
                break;
            }
            self.chunks.pop_front();
            self.position = 0;
            if records.len() >= self.max_rows
                || records.bytes() >= self.max_bytes
                || records.whole_bytes() >= self.max_whole_bytes
            {
                break;
            }
        }
        self.rows -= records.len();
        self.bytes -= records.bytes();
        self.whole_bytes -= records.whole_bytes();
        self.since = (self.rows > 0).then(Instant::now);
        self.came_back = false;
        records
    }

    /// Takes records back that were taken last and not used: they are the oldest.
    pub(crate) fn give_back(&mut self, records: Records) {
        if records.is_empty() {
            return;
        }
        self.rows += records.len();
        self.bytes += records.bytes();
        self.whole_bytes += records.whole_bytes();
        if self.position > 0
            && let Some(first) = self.chunks.front_mut()
        {
            *first = first.select(self.position..first.len());
            self.position = 0;
        }
        self.chunks.push_front(records);
        self.since.get_or_insert_with(Instant::now);
        self.came_back = true;
    }

    /// The oldest `rows` records have committed: their bytes no longer count.
    pub(crate) fn release(&mut self, mut rows: usize) {
        while let Some((covered, held)) = self.held.front_mut() {
            if *covered > rows {
                *covered -= rows;
                return;
            }
            rows -= *covered;
            self.held_bytes -= held.bytes();
            self.held.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use gristmill_core::record::Value;
    use gristmill_kafka::source::feed;

    fn chunk(offsets: std::ops::Range<i64>, caught_up: bool) -> Chunk {
        let mut records = Records::default();
        for offset in offsets {
            records.push(offset, None, None, Some(b"value"), std::iter::empty());
        }
        let (feed, mut intake) = feed();
        feed.send(records, caught_up);
        intake.try_recv().expect("just sent")
    }

    fn offsets(records: &Records) -> Vec<i64> {
        records.iter().map(|r| r.offset).collect()
    }

    #[tokio::test]
    async fn a_batch_does_not_reach_over_the_cut() {
        let mut open = OpenBatch::new(9, 2, usize::MAX, Duration::from_secs(9));
        open.push(chunk(0..3, false));
        open.push(chunk(5..8, false));
        open.push(chunk(8..20, false));
        assert_eq!(offsets(&open.take(7)), [0, 1, 2, 5, 6]);
        assert_eq!(offsets(&open.take(7)), [7, 8, 9, 10, 11, 12, 13, 14, 15]);
        open.push(chunk(20..22, false));
        assert_eq!(offsets(&open.take(20)), [16, 17, 18, 19]);
        assert_eq!(offsets(&open.take(20)), [20, 21]);
        assert!(open.take(20).is_empty());
    }

    #[tokio::test]
    async fn what_comes_back_is_taken_again_first_and_at_once() {
        let mut open = OpenBatch::new(4, 9, usize::MAX, Duration::from_secs(9));
        open.push(chunk(0..6, false));
        let taken = open.take(0);
        assert!(!open.is_due());
        open.give_back(taken.select(1..4));
        assert!(open.is_due());
        open.push(chunk(6..7, false));
        assert_eq!(offsets(&open.take(0)), [1, 2, 3, 4]);
        let rest = open.take(0);
        assert_eq!(offsets(&rest), [5, 6]);
        open.give_back(rest);
        assert_eq!(offsets(&open.take(0)), [5, 6]);
        assert_eq!((open.rows, open.bytes, open.whole_bytes), (0, 0, 0));
    }

    #[tokio::test]
    async fn batches_are_cut_at_max_rows_and_nothing_is_lost_between_chunks() {
        let mut open = OpenBatch::new(4, 2, usize::MAX, Duration::from_secs(9));
        open.push(chunk(0..3, false));
        open.push(chunk(3..13, false));
        let mut seen = Vec::new();
        while open.rows > 0 {
            let records = open.take(0);
            assert!(records.len() <= 4);
            seen.extend(offsets(&records));
        }
        assert_eq!(seen, (0..13).collect::<Vec<_>>());
        open.release(5);
        assert_eq!(open.held.len(), 1);
        open.release(8);
        assert!(open.held.is_empty());
    }

    #[tokio::test]
    async fn batches_are_cut_by_bytes_too() {
        let mut open = OpenBatch::new(1_000, 1_000, usize::MAX, Duration::from_secs(9));
        for offset in 0..40 {
            let mut records = Records::default();
            records.push(
                offset,
                None,
                None,
                Some(&vec![b'v'; 1 << 20]),
                std::iter::empty(),
            );
            let (feed, mut intake) = feed();
            feed.send(records, false);
            open.push(intake.try_recv().expect("just sent"));
        }
        assert!(open.is_full() && open.is_due());
        assert_eq!(open.take(0).len(), 16);
        open.take(0);
        assert!(!open.is_full());
        assert_eq!(open.take(0).len(), 8);
        assert_eq!(open.bytes, 0);
    }

    #[tokio::test]
    async fn batches_are_cut_by_what_their_values_would_be_in_one_piece() {
        let head: Arc<[u8]> = vec![b'h'; 1 << 20].into();
        let mut open = OpenBatch::new(1_000, 1_000, usize::MAX, Duration::from_secs(9));
        for offset in 0..40 {
            let mut records = Records::default();
            let value = Some(Value::behind(&head, b"rest"));
            records.push_sharing(offset, None, None, value, std::iter::empty());
            let (feed, mut intake) = feed();
            feed.send(records, false);
            open.push(intake.try_recv().expect("just sent"));
        }
        assert!(open.is_full());
        assert_eq!(open.take(0).len(), 16);
        open.take(0);
        assert!(!open.is_full());
        assert_eq!(open.take(0).len(), 8);
        assert_eq!((open.bytes, open.whole_bytes), (0, 0));
    }

    #[tokio::test]
    async fn a_batch_leaves_room_for_one_in_flight() {
        let record = vec![b'v'; 300];
        let mut open = OpenBatch::new(1_000, 1_000, 2_000, Duration::from_secs(9));
        for offset in 0..6 {
            let mut records = Records::default();
            records.push(offset, None, None, Some(&record), std::iter::empty());
            let (feed, mut intake) = feed();
            feed.send(records, false);
            assert_eq!(open.is_full(), offset > 3, "{offset}");
            open.push(intake.try_recv().expect("just sent"));
        }
        assert_eq!(offsets(&open.take(0)), [0, 1, 2, 3]);
        assert!(!open.is_full());
    }

    #[tokio::test]
    async fn a_flush_is_due_when_enough_wait_or_no_more_come() {
        let mut open = OpenBatch::new(100, 3, usize::MAX, Duration::from_secs(9));
        open.push(chunk(0..2, false));
        assert!(!open.is_due());
        open.push(chunk(2..2, true));
        assert!(open.is_due());
        open.push(chunk(2..3, false));
        assert!(open.is_due());
        open.take(0);
        assert!(!open.is_due());
    }

    #[tokio::test]
    async fn a_batch_waits_a_moment_for_records_that_follow_at_once() {
        let mut open = OpenBatch::new(100, 3, usize::MAX, Duration::from_secs(9));
        let (feed, mut intake) = feed();
        for offsets in [0..2, 2..4] {
            feed.send_and_go_on(chunk(offsets, false).records);
            open.push(intake.try_recv().expect("just sent"));
            assert!(!open.is_due());
        }
        let within = open.due_at().expect("records wait") - Instant::now();
        assert!(within <= FILL_WAIT, "{within:?}");
        open.push(chunk(4..5, false));
        assert!(open.is_due());
        open.take(0);
        feed.send_and_go_on(chunk(5..105, false).records);
        open.push(intake.try_recv().expect("just sent"));
        assert!(open.is_full() && open.is_due());
    }

    #[tokio::test]
    async fn what_the_source_may_hold_back_more_for_does_not_wait() {
        let record = chunk(0..1, false).held.bytes();
        let mut open = OpenBatch::new(4, 50, 6 * record, Duration::from_secs(9));
        open.push(chunk(0..2, false));
        assert!(!open.is_due());
        open.push(chunk(2..5, false));
        assert!(open.is_due());
        // Of the second chunk a record is left, and all of it counts until that is committed.
        let taken = open.take(0).len();
        open.release(taken);
        assert!(open.rows == 1 && open.is_due());
        let taken = open.take(0).len();
        open.release(taken);
        open.push(chunk(5..6, false));
        assert!(!open.is_due());
    }
}
