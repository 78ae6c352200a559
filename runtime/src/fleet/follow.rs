//! The host's side: it says that it lives, learns where the fleet stands, and has ready what may be
//! wanted.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::definition::revision::Revision;
use crate::process::Shared;
use gristmill_postgres::fleet::host::{self, Beat};
use gristmill_postgres::fleet::rollout::{self, Rollout};
use gristmill_postgres::wire::connect::Connection;
use gristmill_postgres::wire::error::DatabaseError;

/// How often the process tells the `host` table that it lives, and looks for news: what a swap
/// waits for.
const BEAT_EVERY: Duration = Duration::from_secs(1);
/// A revision that could not be loaded is tried again this much later: the table may have been
/// mended.
const RELOAD_AFTER: Duration = Duration::from_secs(10);

/// What this host does about the revisions that it is told of.
struct Follower {
    shared: Arc<Shared>,
    /// What is being loaded.
    loading: Option<(i32, JoinHandle<anyhow::Result<Arc<Revision>>>)>,
    /// What could not be loaded, when, and why.
    failed: Option<(i32, Instant, String)>,
}

/// Follows the fleet until `stop`. A database that is away is waited for.
pub async fn follow(shared: Arc<Shared>, stop: CancellationToken) {
    let mut follower = Follower {
        shared,
        loading: None,
        failed: None,
    };
    while !stop.is_cancelled() {
        // A place in the pool is for flushes; a beat that fails is made up by the next.
        if let Ok(connection) = follower.shared.pool.database().connect().await {
            while follower.beat(&connection).await.is_ok() {
                if follower.rest(&stop).await {
                    return;
                }
            }
        }
        if follower.rest(&stop).await {
            return;
        }
    }
}

impl Follower {
    /// Whether `stop` came. Ends early when there is something to do.
    async fn rest(&mut self, stop: &CancellationToken) -> bool {
        let loaded = async {
            match &mut self.loading {
                Some((_, task)) => Some(task.await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => return true,
            loaded = loaded => self.loaded(loaded.and_then(Result::ok)),
            () = self.shared.look_again.notified() => {}
            () = tokio::time::sleep(BEAT_EVERY) => {}
        }
        false
    }

    fn loaded(&mut self, loaded: Option<anyhow::Result<Arc<Revision>>>) {
        let Some((number, _)) = self.loading.take() else {
            return;
        };
        match loaded {
            Some(Ok(_)) => {
                tracing::info!(revision = number, "ready");
                self.failed = None;
            }
            Some(Err(error)) => {
                tracing::error!("{error:#}");
                self.failed = Some((number, Instant::now(), format!("{error:#}")));
            }
            None => self.failed = Some((number, Instant::now(), "loading it failed".to_owned())),
        }
    }

    async fn beat(&mut self, connection: &Connection) -> Result<(), DatabaseError> {
        let shared = Arc::clone(&self.shared);
        let name = &shared.config.pipeline.name;
        let staging = shared.rollout.borrow().staging;
        let (staged, error) = self.answer(staging);
        let beat = |staged_revision, error| Beat {
            pipeline: name,
            staged_revision,
            error,
        };
        let first = beat(staged, error.as_deref());
        host::heartbeat(connection, &shared.owner, &[first]).await?;
        let Some(rollout) = rollout::read(connection, name).await? else {
            return Ok(());
        };
        self.prepare(&rollout);
        shared.learned(rollout);
        // News is answered at once: somebody waits for it.
        let (now_staged, now_error) = self.answer(shared.rollout.borrow().staging);
        if (now_staged, &now_error) != (staged, &error) {
            let second = beat(now_staged, now_error.as_deref());
            host::heartbeat(connection, &shared.owner, &[second]).await?;
        }
        Ok(())
    }

    /// What to say about the revision being staged: nothing until it was tried.
    fn answer(&self, staging: Option<i32>) -> (Option<i32>, Option<String>) {
        let failed = self.failed.as_ref().filter(|f| Some(f.0) == staging);
        match (staging, failed) {
            (Some(staging), _) if self.shared.revisions.get(staging).is_some() => {
                (Some(staging), None)
            }
            (Some(staging), Some((_, _, why))) => (Some(staging), Some(why.clone())),
            _ => (None, None),
        }
    }

    /// Loads what is wanted and not ready, one at a time, and forgets the rest.
    fn prepare(&mut self, rollout: &Rollout) {
        let wanted = [Some(rollout.active), rollout.staging, rollout.previous];
        let wanted: Vec<i32> = wanted.into_iter().flatten().collect();
        self.shared.revisions.keep(&wanted);
        if self.loading.is_some() {
            return;
        }
        let failed_lately = |n: i32| {
            let failed = self.failed.as_ref().filter(|f| f.0 == n);
            failed.is_some_and(|(_, at, _)| at.elapsed() < RELOAD_AFTER)
        };
        let next = wanted
            .into_iter()
            .find(|n| self.shared.revisions.get(*n).is_none() && !failed_lately(*n));
        if let Some(number) = next {
            let shared = Arc::clone(&self.shared);
            let load = tokio::spawn(async move { shared.revisions.load(number).await });
            self.loading = Some((number, load));
        }
    }
}
