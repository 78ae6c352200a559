//! Recorded traffic: the records of a partition between two offsets, outside of any group.

use std::ops::Range;
use std::time::{Duration, Instant};

use gristmill_core::record::Records;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::Message;

use super::{Admin, AdminError, READER_GROUP, assign_at};
use crate::TopicPartition;
use crate::source::reading::push;
use crate::source::source_fault::is_refusal;

/// How long the next record is waited for. A broker that is up answers in milliseconds, one that
/// reads from its disk in a second.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// A run that is handed over is below this many bytes, give or take a record.
const RUN_MAX_BYTES: usize = 16 << 20;

impl Admin {
    /// Hands over the records at `offsets` in order, at most `max_rows` at a time. Offsets without
    /// a record (compaction, aborted and control records) are passed over; all must lie between
    /// the watermarks. Blocks. An error of `each` ends it.
    pub fn read<E: From<AdminError>>(
        &self,
        partition: &TopicPartition,
        offsets: Range<i64>,
        max_rows: usize,
        mut each: impl FnMut(Records) -> Result<(), E>,
    ) -> Result<(), E> {
        let what = format!("read {partition} from offset {}", offsets.start);
        let explain = |e| self.explain(&what, Some(&partition.topic), e);
        let from = (partition.clone(), offsets.start);
        let reader = self.reader(READER_GROUP).map_err(explain)?;
        assign_at(&reader, [&from]).map_err(explain)?;
        let mut records = Records::default();
        let mut deadline = Instant::now() + SILENCE_MAX;
        loop {
            match reader.poll(deadline.saturating_duration_since(Instant::now())) {
                Some(Ok(message)) if message.offset() < offsets.start => {}
                Some(Ok(message)) if message.offset() >= offsets.end => break,
                Some(Ok(message)) => {
                    push(&mut records, &message, usize::MAX, None);
                    deadline = Instant::now() + SILENCE_MAX;
                    if message.offset() + 1 == offsets.end {
                        break;
                    }
                    if records.len() >= max_rows || records.bytes() >= RUN_MAX_BYTES {
                        each(std::mem::take(&mut records))?;
                    }
                }
                Some(Err(KafkaError::PartitionEOF(_))) => break,
                Some(Err(e)) if e.rdkafka_error_code() == Some(Code::AutoOffsetReset) => {
                    return Err(explain(e).into());
                }
                Some(Err(e)) if is_refusal(e.rdkafka_error_code()) => return Err(explain(e).into()),
                Some(Err(_)) | None if Instant::now() < deadline => {}
                Some(Err(_)) | None => {
                    let silent = KafkaError::MessageConsumption(Code::OperationTimedOut);
                    return Err(explain(silent).into());
                }
            }
        }
        if !records.is_empty() {
            each(records)?;
        }
        Ok(())
    }
}
