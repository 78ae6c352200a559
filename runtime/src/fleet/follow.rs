//! The host's side: it says that it lives, reads what each fleet is to run, and has ready what may
//! be wanted. One task does so for all pipelines of a database.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use gristmill_postgres::fleet::host::{self, Beat};
use gristmill_postgres::fleet::rollout::{self, Rollout};
use gristmill_postgres::table::fitness::Fitness;
use gristmill_postgres::wire::connection::Connection;
use gristmill_postgres::wire::database_error::DatabaseError;
use jiff::Timestamp;
use tokio::task::{Id, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::definition::revision::Revision;
use crate::handles::{HostedDatabase, HostedPipeline};

/// How often the process tells the `host` table that it lives, and reads what is to run: what a
/// swap waits for.
const BEAT_EVERY: Duration = Duration::from_secs(1);
/// How long a beat may take, a connection for it included: a server that answers takes
/// milliseconds, and whoever looks must hear of one that does not within 15 s.
const BEAT_MAX: Duration = Duration::from_secs(5);
/// A revision that could not be loaded is tried again this much later: the table may have been
/// mended.
const RELOAD_AFTER: Duration = Duration::from_secs(10);

/// How often the tables are looked at: what somebody does to one may lose rows until then.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Tables that a beat looks at, but those that are unfit: a look is a round trip, and on a busy
/// server so many take a fraction of [`BEAT_MAX`]. A hundred tables are looked at in four beats.
const LOOKS_A_BEAT: usize = 25;

/// Follows the fleets of the pipelines of `database` until `stop`. A database that is away is
/// waited for.
pub async fn follow(database: Arc<HostedDatabase>, stop: CancellationToken) {
    let mut follower = Follower {
        database,
        members: Vec::new(),
        loading: JoinSet::new(),
        connection: None,
        is_refused: false,
    };
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            beaten = follower.beat_in_time() => follower.note(beaten),
        }
        if follower.rest(&stop).await {
            return;
        }
    }
}

/// What this process does about the revisions that its fleets name.
struct Follower {
    database: Arc<HostedDatabase>,
    members: Vec<Member>,
    loading: JoinSet<anyhow::Result<Arc<Revision>>>,
    /// Its own: a place in the pool is for flushes.
    connection: Option<Connection>,
    /// Whether it was said that Postgres answers, and does not take beats.
    is_refused: bool,
}

/// A beat got no answer in time.
#[derive(Debug, thiserror::Error)]
#[error("no answer within {} s", BEAT_MAX.as_secs())]
struct NoAnswer;

/// One pipeline as the follower sees it.
struct Member {
    pipeline: Arc<HostedPipeline>,
    /// The revision that is being loaded, and the task that does it.
    loading: Option<(i32, Id)>,
    /// What could not be loaded, when, and why.
    failed: Option<(i32, Instant, String)>,
    table: TableWatch,
}

/// The table of a pipeline as it was last looked at.
#[derive(Default)]
struct TableWatch {
    fitness: Fitness,
    /// When the next look is due; `None`: now.
    due: Option<Instant>,
    /// When it was last found to keep what is written to it.
    fit_at: Option<Timestamp>,
}

/// The revision being staged that this host has ready, or why it has not; neither until it was
/// tried.
type Answer = (Option<i32>, Option<String>);

impl Follower {
    /// Whether `stop` came. Ends early when there is something to do.
    async fn rest(&mut self, stop: &CancellationToken) -> bool {
        tokio::select! {
            () = stop.cancelled() => return true,
            Some(ended) = self.loading.join_next_with_id() => match ended {
                Ok((id, loaded)) => self.loaded(id, loaded),
                Err(panicked) => {
                    let error = anyhow::anyhow!("loading it failed: {panicked}");
                    self.loaded(panicked.id(), Err(error));
                }
            },
            () = self.database.look_again.notified() => {}
            () = tokio::time::sleep(BEAT_EVERY) => {}
        }
        false
    }

    fn loaded(&mut self, id: Id, loaded: anyhow::Result<Arc<Revision>>) {
        let is_its = |m: &&mut Member| m.loading.is_some_and(|(_, task)| task == id);
        if let Some(member) = self.members.iter_mut().find(is_its) {
            member.loaded(loaded);
        }
    }

    /// One beat, by the connection of the one before or a new one. A beat that fails is made up by
    /// the next.
    async fn beat_in_time(&mut self) -> anyhow::Result<()> {
        let beat = async {
            let connection = match self.connection.take() {
                Some(connection) => connection,
                None => self.database.commits.pool.database().connect().await?,
            };
            self.beat(&connection).await?;
            self.connection = Some(connection);
            Ok(())
        };
        let beaten = tokio::time::timeout(BEAT_MAX, beat).await;
        beaten.unwrap_or_else(|_| Err(NoAnswer.into()))
    }

    /// Says when Postgres does not take beats, and when it does again. Of one that does not answer
    /// at all its connections tell.
    fn note(&mut self, beaten: anyhow::Result<()>) {
        match beaten {
            Ok(()) => {
                self.database.commits.answered(None);
                if std::mem::take(&mut self.is_refused) {
                    tracing::info!("postgres takes this process's heartbeat again");
                }
            }
            Err(error) => {
                let text = format!("{error:#}");
                let pool = &self.database.commits.pool;
                let is_silent = error.is::<NoAnswer>() || pool.silent_since().is_some();
                if !is_silent && !self.is_refused {
                    self.is_refused = true;
                    tracing::warn!(
                        "postgres does not take this process's heartbeat, so others see it as \
                         gone; it goes on by itself: {text}"
                    );
                }
                self.database.commits.answered(Some(text));
            }
        }
    }

    async fn beat(&mut self, connection: &Connection) -> Result<(), DatabaseError> {
        self.meet();
        let before = self.answers();
        self.send(connection, &before).await?;
        let names: Vec<&str> = self.members.iter().map(|m| m.pipeline.name()).collect();
        let mut rollouts = rollout::read_all(connection, &names).await?;
        let looked_at = self.due_looks();
        for at in 0..self.members.len() {
            if let Some(rollout) = rollouts.remove(self.members[at].pipeline.name()) {
                self.prepare(at, &rollout);
                // Before the partitions hear that they are resumed.
                if looked_at.contains(&at) {
                    self.members[at].look_at_table(connection, &rollout).await;
                }
                self.members[at].pipeline.fleet.update(rollout);
            }
        }
        // Whoever stages a revision waits for the answer.
        let now = self.answers();
        if now != before {
            self.send(connection, &now).await?;
        }
        Ok(())
    }

    /// Takes in what has come since.
    fn meet(&mut self) {
        let all = self.database.pipelines.all().into_iter();
        let new = all.skip(self.members.len()).map(Member::new);
        self.members.extend(new);
    }

    /// The members whose tables are to be looked at now: those that are unfit, and of the others
    /// the ones that have waited longest.
    fn due_looks(&self) -> HashSet<usize> {
        let now = Instant::now();
        let due = self.members.iter().enumerate();
        let due = due.filter(|(_, m)| m.table.due.is_none_or(|due| due <= now));
        let is_unfit = |member: &Member| member.pipeline.fleet.unfit().is_some();
        let (unfit, mut others): (Vec<_>, Vec<_>) = due.partition(|(_, m)| is_unfit(m));
        others.sort_by_key(|(_, member)| member.table.due);
        let others = others.into_iter().take(LOOKS_A_BEAT);
        unfit.into_iter().chain(others).map(|(at, _)| at).collect()
    }

    fn answers(&self) -> Vec<Answer> {
        self.members.iter().map(Member::answer).collect()
    }

    async fn send(&self, connection: &Connection, answers: &[Answer]) -> Result<(), DatabaseError> {
        for member in &self.members {
            let pipeline = &member.pipeline;
            let outage = pipeline.kafka.outage().map(|outage| outage.reason);
            pipeline.standings.set_outage(outage);
        }
        let beats: Vec<Beat<'_>> = self
            .members
            .iter()
            .zip(answers)
            .map(|(member, (staged_revision, error))| Beat {
                pipeline: member.pipeline.name(),
                staged_revision: *staged_revision,
                error: error.as_deref(),
                waiting: member.pipeline.standings.waiting(),
            })
            .collect();
        let held = self.members.iter();
        let held: Vec<_> = held.flat_map(|m| m.pipeline.standings.held()).collect();
        host::heartbeat(connection, &self.database.commits.owner, &beats, &held).await
    }

    /// Loads what is wanted and not ready, one revision of a pipeline at a time, and forgets the
    /// rest.
    fn prepare(&mut self, at: usize, rollout: &Rollout) {
        let member = &mut self.members[at];
        let wanted = [Some(rollout.active), rollout.staging, rollout.previous];
        let wanted: Vec<i32> = wanted.into_iter().flatten().collect();
        let revisions = &member.pipeline.fleet.revisions;
        revisions.keep(&wanted);
        if member.loading.is_some() {
            return;
        }
        let next = wanted
            .into_iter()
            .find(|n| revisions.get(*n).is_none() && !member.failed_lately(*n));
        if let Some(number) = next {
            let pipeline = Arc::clone(&member.pipeline);
            let load = async move { pipeline.fleet.revisions.load(number).await };
            member.loading = Some((number, self.loading.spawn(load).id()));
        }
    }
}

impl Member {
    fn new(pipeline: Arc<HostedPipeline>) -> Self {
        Self {
            pipeline,
            loading: None,
            failed: None,
            table: TableWatch::default(),
        }
    }

    /// Lets the partitions halt where something was done to the table that loses rows in silence.
    /// A look that fails is made up by the next.
    async fn look_at_table(&mut self, connection: &Connection, rollout: &Rollout) {
        let fleet = &self.pipeline.fleet;
        let Some(revision) = fleet.revisions.get(rollout.active) else {
            return;
        };
        let TableWatch {
            fitness,
            due,
            fit_at,
        } = &mut self.table;
        let definition = &revision.pipeline;
        let (table, roles) = (&definition.config.target.table, definition.roles());
        let looked_at = Timestamp::now();
        let (guard, filled) = (definition.guard(), definition.filled_columns());
        let found = fitness.look(connection, table, rollout.active, roles, guard, &filled);
        match found.await {
            Ok(None) => {
                fleet.set_unfit(None);
                (*fit_at, *due) = (Some(looked_at), Some(Instant::now() + LOOK_EVERY));
            }
            // Looked at with each beat: whoever mends it resumes the partitions right after.
            Ok(Some(problem)) => {
                let since = fit_at.map_or_else(String::new, |at| {
                    format!(
                        "; what was written since {at:.0} may be lost or wrong already: `gristmill \
                         resume` goes on once it is mended, and a snapshot of the source sends it \
                         again"
                    )
                });
                fleet.set_unfit(Some(format!("{problem}{since}")));
                *due = None;
            }
            Err(error) => {
                tracing::debug!("the table was not looked at: {error:#}");
                *due = Some(Instant::now() + LOOK_EVERY);
            }
        }
    }

    fn loaded(&mut self, loaded: anyhow::Result<Arc<Revision>>) {
        let Some((number, _)) = self.loading.take() else {
            return;
        };
        let pipeline = self.pipeline.name();
        match loaded {
            Ok(_) => {
                tracing::info!(pipeline, revision = number, "ready");
                self.failed = None;
            }
            Err(error) => {
                tracing::error!(pipeline, "{error:#}");
                self.failed = Some((number, Instant::now(), format!("{error:#}")));
            }
        }
    }

    fn answer(&self) -> Answer {
        let fleet = &self.pipeline.fleet;
        let Some(staging) = fleet.rollout().staging else {
            return (None, None);
        };
        if fleet.revisions.get(staging).is_some() {
            return (Some(staging), None);
        }
        match &self.failed {
            Some((failed, _, why)) if *failed == staging => (Some(staging), Some(why.clone())),
            _ => (None, None),
        }
    }

    fn failed_lately(&self, number: i32) -> bool {
        let failed = self
            .failed
            .as_ref()
            .filter(|(failed, ..)| *failed == number);
        failed.is_some_and(|(_, at, _)| at.elapsed() < RELOAD_AFTER)
    }
}
