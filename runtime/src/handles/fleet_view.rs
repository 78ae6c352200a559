//! Which revision is to run.

use std::sync::{Arc, Mutex, PoisonError};

use gristmill_postgres::fleet::rollout::Rollout;
use tokio::sync::{Notify, watch};

use crate::definition::revision::{Revision, Revisions};

/// What this process knows of the fleet of one pipeline, and the revisions that it has ready.
pub struct FleetView {
    pub revisions: Revisions,
    rollout: watch::Sender<Rollout>,
    /// Why nothing may be written to the table as it is.
    unfit: Mutex<Option<String>>,
    /// A worker wants a revision that is not ready. One for the process: it has one follower.
    look_again: Arc<Notify>,
}

impl FleetView {
    pub fn new(revisions: Revisions, rollout: Rollout, look_again: Arc<Notify>) -> Self {
        Self {
            revisions,
            rollout: watch::channel(rollout).0,
            unfit: Mutex::default(),
            look_again,
        }
    }

    /// The row of `gristmill.pipeline` as it was last read: at most a second ago while Postgres
    /// answers.
    pub fn rollout(&self) -> Rollout {
        self.rollout.borrow().clone()
    }

    /// Whether somebody has paused the partition.
    pub fn is_paused(&self, partition: i32) -> bool {
        self.rollout.borrow().steering.pause(partition).is_some()
    }

    /// Why nothing may be written to the table as it is, where the follower has found something.
    pub fn unfit(&self) -> Option<String> {
        let unfit = self.unfit.lock().unwrap_or_else(PoisonError::into_inner);
        unfit.clone()
    }

    /// Keeps what was found out about the table, and wakes the partitions where it is new that
    /// nothing may be written.
    pub fn set_unfit(&self, reason: Option<String>) {
        let mut unfit = self.unfit.lock().unwrap_or_else(PoisonError::into_inner);
        let wakes = reason.is_some() && unfit.is_none();
        *unfit = reason;
        drop(unfit);
        if wakes {
            self.rollout.send_modify(|_| {});
        }
    }

    /// Wakes its holder when the row has changed.
    pub fn subscribe(&self) -> watch::Receiver<Rollout> {
        self.rollout.subscribe()
    }

    /// Keeps what was just read of the row. Partitions that halted for a revision that is no longer
    /// theirs, or that somebody steers, are woken, as all are that subscribed.
    pub fn update(&self, rollout: Rollout) {
        self.rollout.send_if_modified(|known| {
            let wakes = |r: &Rollout| {
                let revisions = (r.active, r.staging, r.canary, r.is_shadowed);
                (revisions, r.steering.clone())
            };
            let is_changed = wakes(known) != wakes(&rollout);
            *known = rollout;
            is_changed
        });
    }

    /// The revision if it is ready; else the follower is asked to load it.
    pub fn ready_or_ask(&self, number: i32) -> Option<Arc<Revision>> {
        let ready = self.revisions.get(number);
        if ready.is_none() {
            self.look_again.notify_one();
        }
        ready
    }
}
