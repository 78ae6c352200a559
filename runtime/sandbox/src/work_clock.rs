//! How long a thread has worked, which a machine that is busy does not lengthen.

use std::fs;
use std::time::Duration;

/// Measures the thread that started it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WorkClock {
    /// `None` where the system does not tell what a thread has worked.
    worked: Option<Duration>,
}

impl WorkClock {
    pub(crate) fn start() -> Self {
        Self { worked: worked() }
    }

    /// Since the start; `None` where the system does not tell.
    pub(crate) fn elapsed(&self) -> Option<Duration> {
        Some(worked()?.saturating_sub(self.worked?))
    }

    /// As on a system that does not tell.
    #[cfg(test)]
    pub(crate) fn untold() -> Self {
        Self { worked: None }
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
    use std::time::Instant;

    use super::*;

    #[test]
    fn waiting_is_no_work() {
        let (began, clock) = (Instant::now(), WorkClock::start());
        std::thread::sleep(Duration::from_millis(50));
        let Some(waited) = clock.elapsed() else {
            return;
        };
        while clock.elapsed() <= Some(waited) {
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "work is not counted"
            );
        }
        assert!(waited < began.elapsed(), "{waited:?}");
    }

    #[test]
    fn time_that_nobody_tells_is_no_work() {
        assert_eq!(WorkClock::untold().elapsed(), None);
    }
}
