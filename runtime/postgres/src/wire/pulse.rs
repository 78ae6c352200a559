//! Whether a server answers at all.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::wire::line::Line;

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A statement that takes this long makes it ask: flushes take milliseconds, and locks are waited
/// for less long (`lock_timeout`).
const ASK_AFTER: Duration = Duration::from_secs(3);
/// A new session, even on a busy server, is made within less.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);
/// What waits longer on a server that does not answer is cut, so that its task can go on: as long
/// as Kafka waits for a silent host.
const CUT_AFTER: Duration = Duration::from_secs(10);

/// The connections to a server, and since when it is silent.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    lines: Mutex<Vec<Weak<Line>>>,
    silent_since: Mutex<Option<Instant>>,
    begun: AtomicBool,
}

impl Pulse {
    /// A line to be watched.
    pub(crate) fn line(&self) -> Arc<Line> {
        let line = Arc::<Line>::default();
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.retain(|line| line.strong_count() > 0);
        lines.push(Arc::downgrade(&line));
        line
    }

    /// Since when nothing was answered; `None` while it answers, or is not asked.
    pub(crate) fn silent_since(&self) -> Option<Instant> {
        *self.silent()
    }

    fn silent(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.silent_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The server answered.
    pub(crate) fn answered(&self, place: &str) {
        if let Some(since) = self.silent().take() {
            let silent_ms = since.elapsed().as_millis() as u64;
            tracing::info!(silent_ms, "postgres at {place} answers again");
        }
    }

    /// The server has not answered what was asked at `since`.
    pub(crate) fn silent_from(&self, since: Instant, place: &str) {
        let mut silent = self.silent();
        if silent.is_none() {
            *silent = Some(since);
            let silent_ms = since.elapsed().as_millis() as u64;
            tracing::warn!(
                silent_ms,
                "postgres at {place} does not answer: check that it runs and is reached"
            );
        }
    }

    fn waiting(&self) -> Vec<(Arc<Line>, Instant)> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = lines.iter().filter_map(Weak::upgrade);
        let waiting = lines.filter_map(|line| line.waits_since().map(|since| (line, since)));
        waiting.collect()
    }

    /// Watches until the server at `place` is given up: `ask` asks whether anybody answers there,
    /// and is `None` then.
    pub(crate) fn begin<A>(
        self: &Arc<Self>,
        place: &str,
        ask: impl Fn() -> Option<A> + Send + 'static,
    ) where
        A: Future<Output = bool> + Send + 'static,
    {
        if !self.begun.swap(true, Ordering::Relaxed) {
            tokio::spawn(feel(Arc::downgrade(self), place.to_owned(), ask));
        }
    }

    /// Cuts what waits on a server that does not answer.
    fn cut(&self) {
        for (line, since) in self.waiting() {
            if since.elapsed() >= CUT_AFTER {
                line.cut();
            }
        }
    }
}

async fn feel<A>(pulse: Weak<Pulse>, place: String, ask: impl Fn() -> Option<A>)
where
    A: Future<Output = bool>,
{
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let (Some(pulse), Some(answers)) = (pulse.upgrade(), ask()) else {
            return;
        };
        let oldest = pulse.waiting().into_iter().map(|(_, since)| since).min();
        let Some(since) = oldest.filter(|since| since.elapsed() >= ASK_AFTER) else {
            continue;
        };
        // By a session of its own: that of the statement is busy.
        match tokio::time::timeout(ANSWER_WITHIN, answers).await {
            Ok(true) => pulse.answered(&place),
            Ok(false) | Err(_) => {
                pulse.silent_from(since, &place);
                pulse.cut();
            }
        }
    }
}
