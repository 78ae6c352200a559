//! A batch that went through the chain, ready to be committed.

use std::ops::AddAssign;

use crate::column::Batch;
use crate::dead_letter::DeadLetter;
use crate::record::Records;

use super::layer::{Layer, RowSource};
use super::source_columns::SourceColumns;
use super::wanted_cells::WantedCells;

/// What a batch's records are judged by beside each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// The clock, microseconds since the Unix epoch.
    pub now_us: i64,
    /// The partition's highest accepted event time before the batch, microseconds; batches that
    /// have not committed yet are counted as if they had.
    pub event_time_max: Option<i64>,
}

/// How many of what: added to the checkpoint's counters in the same transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub records: u64,
    pub tombstones: u64,
    /// Rows that the normalizer dropped without a rejection.
    pub dropped: u64,
    /// Rows behind the watermark, whatever became of them.
    pub late: u64,
    /// Rows that lost to a newer version of their key, in the batch or in the state.
    pub superseded: u64,
    /// Rows handed to the sink, one a key, and the end of all rows of the source table. Older rows
    /// in [`Computed::earlier`] count as superseded.
    pub rows: u64,
    pub dead_letters: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.records += other.records;
        self.tombstones += other.tombstones;
        self.dropped += other.dropped;
        self.late += other.late;
        self.superseded += other.superseded;
        self.rows += other.rows;
        self.dead_letters += other.dead_letters;
    }
}

/// Rows of the table that were read.
#[derive(Clone, Debug)]
pub struct KeysRead {
    /// The key columns, as [`WantedCells::keys`].
    pub keys: Batch,
    /// The version that each row had; `None`: there was no row, or it had none.
    pub versions: Vec<Option<Vec<u8>>>,
}

impl KeysRead {
    /// Both of them.
    pub fn joined(this: Option<Box<Self>>, other: Option<Box<Self>>) -> Option<Box<Self>> {
        match (this, other) {
            (Some(mut this), Some(other)) => {
                this.keys = Batch::concat(&[this.keys, other.keys]);
                this.versions.extend(other.versions);
                Some(this)
            }
            (this, other) => this.or(other),
        }
    }
}

/// What must be written before the newest rows, in the same transaction.
#[derive(Clone, Debug)]
pub enum Earlier {
    /// Older versions of keys whose newest version lacks cells that these have.
    Rows(Layer),
    /// The source table was emptied: one row, of which event time and order columns count. Target
    /// rows with an older version are deleted.
    Truncate(Layer),
}

/// The outcome for a run of records: everything one flush commits.
#[derive(Debug)]
pub struct Computed {
    /// The input, kept for the dead letters' bytes and for computing again without refused rows.
    pub records: Records,
    /// Another chain that is to judge the same records must begin here.
    pub moment: Moment,
    /// One above the last record's offset.
    pub next_offset: i64,
    /// To be written one after the other, before `rows`. Empty unless cells are absent, rows are
    /// deleted or the source table was emptied.
    pub earlier: Vec<Earlier>,
    /// The newest row of each key, as [`Layer::rows`].
    pub rows: Batch,
    /// Parallel to `rows`.
    pub sources: Vec<RowSource>,
    /// What an enricher would need of the table to answer of rows that leave out some of what it
    /// reads, or what rows had under another key: by [`super::Chain::with_stored`]. Without, the
    /// cells are absent.
    pub wanted: Option<Box<WantedCells>>,
    /// What was read of the table for that, by whoever did so: none of it may have changed when the
    /// batch is written.
    pub read: Option<Box<KeysRead>>,
    /// What nobody knows of stored rows once this batch has been written, as some of the dead
    /// letters would have changed it: of each key one row, whose cells that are not present count
    /// as unknown in the table, where its row is no newer and not deleted.
    pub unknown: Option<Box<Layer>>,
    /// The same of dead letters of which nothing but the key is known, so that there is no version
    /// to compare: the cells count as unknown in a row that comes from the same record of the
    /// partition, from an earlier one, or from somewhere else.
    pub unread: Option<Box<Layer>>,
    /// The dead letters, in offset order.
    pub dead_letters: Vec<DeadLetter>,
    /// The partition's highest accepted event time after this batch, microseconds.
    pub event_time_max: Option<i64>,
    pub counts: Counts,
    /// Of [`Counts::superseded`] those that lost though they are later in the partition.
    pub steps_back: StepsBackAt,
    /// How the columns of the newest record's row differ from those that are read. `None`: no
    /// record says it.
    pub source_columns: Option<SourceColumns>,
}

/// Rows that lost to a row that stands before them in the partition: their event time is earlier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepsBackAt {
    pub rows: u64,
    /// The offset of the first of them, or of those that lost though they are later.
    pub first_offset: i64,
    /// The longest way back, microseconds.
    pub longest_us: i64,
    /// Where order columns decide alone: rows that lost though their event time is later. Where the
    /// source's log grows there are hardly any.
    pub though_later: u64,
}
