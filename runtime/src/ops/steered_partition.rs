//! A partition that is paused or resumed, and what became of it.

use std::collections::HashMap;

use gristmill_postgres::commit::checkpoint::{Checkpoint, PartitionState};
use gristmill_postgres::fleet::host::{Host, Wait};

/// What is known of a partition: what its checkpoint says, unless its process says that it has
/// halted.
pub(super) struct SteeredPartition {
    pub number: i32,
    pub state: PartitionState,
    pub reason: Option<String>,
    /// The newest request that its process knew of when it halted.
    halted_at_request: Option<i64>,
    /// What the checkpoint says, where there is one.
    taken: Option<Taken>,
}

#[derive(Clone, Copy)]
struct Taken {
    owner_epoch: i64,
    next_offset: i64,
    flushed_at_us: Option<i64>,
}

/// What has become of a partition that was resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resumed {
    /// It has not been taken again yet.
    NotYet,
    /// It runs, and what made it halt may be in the batch that it has not written yet.
    Unproved,
    /// It has written since, or there is nothing to write.
    GoesOn,
    HaltedAgain,
}

impl SteeredPartition {
    pub(super) fn of(checkpoint: &Checkpoint, hosts: &HashMap<String, Host>) -> Self {
        let (topic, number) = (&checkpoint.key.topic, checkpoint.key.partition);
        let mut waits = hosts.values().filter_map(|h| h.wait(topic, number));
        let halted = waits.find(|wait| wait.state == PartitionState::Halted);
        let (state, reason) = match halted {
            Some(wait) => (wait.state, Some(&wait.reason)),
            None => (checkpoint.state, checkpoint.reason.as_ref()),
        };
        Self {
            number,
            state,
            reason: reason.cloned(),
            halted_at_request: halted.and_then(|wait| wait.request),
            taken: Some(Taken {
                owner_epoch: checkpoint.owner_epoch,
                next_offset: checkpoint.next_offset,
                flushed_at_us: checkpoint.flushed_at_us,
            }),
        }
    }

    /// One without a checkpoint, as a process speaks of it.
    pub(super) fn untaken(wait: &Wait) -> Option<Self> {
        Some(Self {
            number: wait.partition.as_ref()?.1,
            state: wait.state,
            reason: Some(wait.reason.clone()),
            halted_at_request: wait.request,
            taken: None,
        })
    }

    /// Whether a person must act for it to go on.
    pub(super) fn stands_still(&self) -> bool {
        matches!(self.state, PartitionState::Paused | PartitionState::Halted)
    }

    /// What has become of it since it was as `before` and `request` resumed it. `end`: the offset
    /// behind the last record that Kafka had then, where that is known.
    pub(super) fn resumed(&self, before: &Self, request: i64, end: Option<i64>) -> Resumed {
        let is_running = match self.state {
            PartitionState::Halted if self.halted_at_request >= Some(request) => {
                return Resumed::HaltedAgain;
            }
            PartitionState::Halted | PartitionState::Paused => return Resumed::NotYet,
            PartitionState::Running => true,
            PartitionState::Waiting => false,
        };
        if !before.stands_still() {
            return Resumed::GoesOn;
        }
        let epoch = |partition: &Self| partition.taken.map(|taken| taken.owner_epoch);
        let Some(taken) = self.taken else {
            return Resumed::NotYet;
        };
        if !is_running || epoch(self) <= epoch(before) {
            return Resumed::NotYet;
        }
        let has_written = taken.flushed_at_us != before.taken.and_then(|b| b.flushed_at_us);
        let has_nothing = end.is_some_and(|end| taken.next_offset >= end);
        match has_written || has_nothing {
            true => Resumed::GoesOn,
            false => Resumed::Unproved,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: i64 = 7;
    const END: Option<i64> = Some(20);

    fn partition(state: PartitionState, epoch: i64, next_offset: i64) -> SteeredPartition {
        SteeredPartition {
            number: 0,
            state,
            reason: None,
            halted_at_request: None,
            taken: Some(Taken {
                owner_epoch: epoch,
                next_offset,
                flushed_at_us: Some(next_offset),
            }),
        }
    }

    #[test]
    fn one_that_was_taken_and_has_not_written_is_not_known_to_go_on() {
        let before = partition(PartitionState::Halted, 1, 10);
        let now = |state, epoch, next_offset| {
            let now = partition(state, epoch, next_offset);
            now.resumed(&before, ASKED, END)
        };
        assert_eq!(now(PartitionState::Running, 1, 10), Resumed::NotYet);
        assert_eq!(now(PartitionState::Waiting, 2, 10), Resumed::NotYet);
        assert_eq!(now(PartitionState::Running, 2, 10), Resumed::Unproved);
        assert_eq!(now(PartitionState::Running, 2, 15), Resumed::GoesOn);
        let idle = partition(PartitionState::Halted, 1, 20);
        let now = partition(PartitionState::Running, 2, 20);
        assert_eq!(now.resumed(&idle, ASKED, END), Resumed::GoesOn);
        assert_eq!(now.resumed(&idle, ASKED, None), Resumed::Unproved);
    }

    #[test]
    fn the_halt_before_the_request_is_not_the_one_after_it() {
        let before = partition(PartitionState::Halted, 1, 10);
        // It has been taken again, and its checkpoint still says what halted it before.
        let mut now = partition(PartitionState::Halted, 2, 10);
        for (known, expected) in [
            (None, Resumed::NotYet),
            (Some(ASKED - 1), Resumed::NotYet),
            (Some(ASKED), Resumed::HaltedAgain),
        ] {
            now.halted_at_request = known;
            assert_eq!(now.resumed(&before, ASKED, END), expected);
        }
    }

    #[test]
    fn what_did_not_stand_still_goes_on_as_it_is() {
        let before = partition(PartitionState::Waiting, 1, 10);
        let now = partition(PartitionState::Waiting, 1, 10);
        assert_eq!(now.resumed(&before, ASKED, END), Resumed::GoesOn);
    }
}
