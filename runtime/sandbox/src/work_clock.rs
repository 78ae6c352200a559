//! How long a thread has worked, which a machine that is busy does not lengthen.

use std::fs;
use std::time::{Duration, Instant};

/// Measures the thread that started it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WorkClock {
    worked: Option<Duration>,
    began: Instant,
}

impl WorkClock {
    pub(crate) fn start() -> Self {
        Self {
            worked: worked(),
            began: Instant::now(),
        }
    }

    /// Since the start. Where the system does not tell what a thread has worked, the time by the
    /// clock.
    pub(crate) fn elapsed(&self) -> Duration {
        match (worked(), self.worked) {
            (Some(now), Some(then)) => now.saturating_sub(then),
            _ => self.began.elapsed(),
        }
    }
}

/// What this thread has worked, to the time slice.
fn worked() -> Option<Duration> {
    // Linux: nanoseconds on a core, nanoseconds waiting for one, time slices. A clock of the
    // thread's own would take another feature of rustix.
    let said = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds = said.split(' ').next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_is_no_work() {
        let clock = WorkClock::start();
        std::thread::sleep(Duration::from_millis(50));
        let waited = clock.elapsed();
        let until = Instant::now();
        while clock.elapsed() <= waited {
            assert!(
                until.elapsed() < Duration::from_secs(60),
                "work is not counted"
            );
        }
        if clock.worked.is_some() {
            assert!(waited < clock.began.elapsed(), "{waited:?}");
        }
    }
}
