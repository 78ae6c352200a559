//! Where batches go.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use gristmill_core::chain::Computed;
use gristmill_postgres::wire::pool::Pool;
use tokio::sync::{Notify, Semaphore};

use crate::handles::standing::Reason;

/// What may be prepared at a time, each by connections of its own: revisions that are loaded, and
/// pipelines that begin.
const PREPARED_AT_ONCE: usize = 4;
/// How many of those places may be with what the file proposes: it waits for hosts, this one among
/// them, which load it meanwhile.
const PROPOSED_AT_ONCE: usize = 2;

/// The way of one process into a database, and what has gone it.
pub struct Commits {
    /// Connections for flushes and for what stands in their way.
    pub pool: Pool,
    /// This process, as `checkpoint.owner` and `host.host` name it: `host/pid-random`.
    pub owner: String,
    /// Dead letters have committed: the relay waits for this.
    pub letters_wait: Notify,
    /// Places for what is prepared.
    pub preparations: Arc<Semaphore>,
    /// Turns of what files propose, each of which takes a place among the preparations, too.
    pub proposals: Semaphore,
    totals: Totals,
    /// Why Postgres does not answer; `None`: it does.
    silent: Mutex<Option<Reason>>,
}

/// What has committed since the process began.
#[derive(Default)]
struct Totals {
    records: AtomicU64,
    rows: AtomicU64,
    dead_letters: AtomicU64,
}

/// Records, rows and dead letters that have committed since the process began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    pub records: u64,
    pub rows: u64,
    pub dead_letters: u64,
}

impl Commits {
    pub fn new(pool: Pool, owner: String) -> Self {
        Self {
            pool,
            owner,
            letters_wait: Notify::new(),
            preparations: Arc::new(Semaphore::new(PREPARED_AT_ONCE)),
            proposals: Semaphore::new(PROPOSED_AT_ONCE),
            totals: Totals::default(),
            silent: Mutex::default(),
        }
    }

    /// Keeps why Postgres does not answer; `None`: it does.
    pub fn answered(&self, trouble: Option<String>) {
        let mut silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        *silent = trouble.map(|text| match silent.take() {
            Some(before) => Reason { text, ..before },
            None => Reason::now(text),
        });
    }

    /// Why Postgres does not answer, and since when; `None`: it does.
    pub fn silent(&self) -> Option<Reason> {
        let silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        silent.clone()
    }

    /// Counts a batch that has committed, and wakes the relay for its dead letters.
    pub fn add(&self, batch: &Computed) {
        let (totals, counts) = (&self.totals, &batch.counts);
        totals.records.fetch_add(counts.records, Ordering::Relaxed);
        totals.rows.fetch_add(counts.rows, Ordering::Relaxed);
        let letters = &totals.dead_letters;
        letters.fetch_add(counts.dead_letters, Ordering::Relaxed);
        if !batch.dead_letters.is_empty() {
            self.letters_wait.notify_one();
        }
    }

    /// What has committed since the process began.
    pub fn committed(&self) -> Committed {
        let totals = &self.totals;
        Committed {
            records: totals.records.load(Ordering::Relaxed),
            rows: totals.rows.load(Ordering::Relaxed),
            dead_letters: totals.dead_letters.load(Ordering::Relaxed),
        }
    }
}
