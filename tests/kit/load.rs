//! Records that come while something else is done.

use std::thread;
use std::time::Duration;

use anyhow::Result;

use crate::job::Job;

/// Between two writes, so that batches stay small and something is always under way.
const PAUSE: Duration = Duration::from_millis(100);

/// Does `work` on a thread of its own, and calls `write` about ten times a second until it is done.
pub fn under_load<R: Send>(
    mut write: impl FnMut() -> Result<()>,
    work: impl FnOnce() -> Result<R> + Send,
) -> Result<R> {
    thread::scope(|scope| {
        let work = scope.spawn(work);
        while !work.is_finished() {
            write()?;
            thread::sleep(PAUSE);
        }
        work.join().expect("no panic")
    })
}

impl Job<'_> {
    /// Does `work` while generated events come, about ten times `events` a second.
    pub fn under_load<R: Send>(
        &self,
        events: u32,
        seed: u32,
        work: impl FnOnce() -> Result<R> + Send,
    ) -> Result<R> {
        let mut seeds = u64::from(seed)..;
        under_load(
            || {
                seeds
                    .next()
                    .map_or(Ok(()), |seed| self.generate(events, 5_000, seed))
            },
            work,
        )
    }

    /// Does `work` while users with addresses in `good.example` come on both partitions: 20 a
    /// write, each with an id of its own, from 1,000 on.
    pub fn under_users<R: Send>(&self, work: impl FnOnce() -> Result<R> + Send) -> Result<R> {
        let mut ids = (1_000..).step_by(20);
        under_load(
            || {
                ids.next()
                    .map_or(Ok(()), |id| self.users_on_both(id..id + 20, "good.example"))
            },
            work,
        )
    }
}
