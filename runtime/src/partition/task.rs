//! One partition's task: it runs one worker after another, each through the start path.

use std::time::Duration;

use anyhow::Context;
use gristmill_core::policy::{Action, action};
use gristmill_kafka::source::Intake;
use gristmill_postgres::commit::checkpoint::PartitionState;
use gristmill_postgres::commit::lease::{self, Lease};
use gristmill_postgres::commit::vain_takes;
use gristmill_postgres::fleet::rollout::Rollout;
use gristmill_postgres::fleet::steering::Verb;
use gristmill_postgres::wire::database_error::DatabaseError;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::handles::partition_log::log_partition;
use crate::partition::ended::{Ended, FENCED, code};
use crate::partition::new_log::Watch;
use crate::partition::take::{Begin, PartitionWanted, Ready, take_partitions};
use crate::partition::worker::Worker;

/// Waits before a partition is taken again: the first is hardly noticed, the last bounds how late a
/// recovered Postgres is noticed.
const RESTART_FIRST: Duration = Duration::from_millis(100);
const RESTART_MAX: Duration = Duration::from_secs(3);
/// A process that lives this long with a partition does not die of what it fetches: a record that
/// needs more memory than there is arrives within seconds.
const OUTLIVED_AFTER: Duration = Duration::from_secs(60);
/// A worker that went on this long has proved that the trouble before it is over.
const RESTART_FORGET: Duration = Duration::from_secs(30);

/// How long a partition waits to write into its checkpoint that it stands still, or was left.
const NOTE_WAIT: Duration = Duration::from_secs(2);

/// A line in the log about a partition.
macro_rules! log {
    ($level:ident, $wanted:expr, $($rest:tt)+) => {
        log_partition!($level, $wanted.pipeline, $wanted.partition, $($rest)+)
    };
}

/// What a partition was taken with, and the revision that ran last.
struct LastRun {
    lease: Lease,
    revision: i32,
    watch: Watch,
}

impl LastRun {
    fn new(lease: Lease) -> Self {
        Self {
            revision: lease.revision,
            lease,
            watch: Watch::default(),
        }
    }
}

/// Keeps a partition going until it is told to stop. One that is paused or halted goes on when
/// somebody resumes it, or another revision is to run. `first` is what it begins with where it was
/// taken already. A panic is a fault of ours: it is logged, and the partition taken again.
pub async fn keep_going(
    wanted: PartitionWanted,
    first: Option<(Ready, Intake)>,
    stop: CancellationToken,
) {
    let standings = &wanted.pipeline.standings;
    let task = standings.begins(&wanted.partition);
    let mut first = first;
    loop {
        let life = live(wanted.clone(), first.take(), stop.clone());
        // A task of its own: the panic ends that, and not, in silence, the partition.
        let Err(panicked) = tokio::spawn(life).await else {
            break;
        };
        let (partition, error) = (
            &wanted.partition,
            format!("a panic, please report it: {panicked}"),
        );
        log!(error, wanted, "{error}; taking the partition again");
        standings.waits(partition, error);
        if timeout(RESTART_MAX, stop.cancelled()).await.is_ok() {
            break;
        }
    }
    if standings.gone(&wanted.partition, task) {
        let metrics = &wanted.pipeline.metrics;
        metrics.gone(wanted.pipeline.name(), &wanted.partition);
    }
}

/// One life of a partition, from take to take, until it is told to stop.
async fn live(
    wanted: PartitionWanted,
    mut first: Option<(Ready, Intake)>,
    stop: CancellationToken,
) {
    let mut wait = RESTART_FIRST;
    let mut last = None;
    loop {
        let begun = Instant::now();
        let ended = match first.take() {
            Some((ready, intake)) => work(&wanted, ready, intake, &stop, &mut last).await,
            // Not taken only to be left again.
            None if last.is_some() && wanted.is_paused() => Ended::Paused,
            None => take_and_work(&wanted, &stop, &mut last).await,
        };
        if let Ended::Restart(error) = &ended
            && code(error) == FENCED
        {
            let pipeline = &wanted.pipeline;
            pipeline.metrics.fenced(pipeline.name(), &wanted.partition);
        }
        // Whatever it ended with, the partition may be another task's by now.
        if stop.is_cancelled() {
            if let Ended::Restart(error) | Ended::Halt(error) = ended {
                log!(warn, wanted, code = code(&error), "left: {error:#}");
            }
            return;
        }
        match ended {
            Ended::Stopped => return,
            Ended::Paused => {
                if pause(&wanted, last.as_ref(), &stop).await {
                    return;
                }
            }
            Ended::Halt(reason) => {
                if halt(&wanted, last.as_ref(), &reason, &stop).await {
                    return;
                }
            }
            Ended::Restart(error) => {
                if begun.elapsed() > RESTART_FORGET {
                    wait = RESTART_FIRST;
                }
                let retry_in_ms = wait.as_millis() as u64;
                log!(
                    warn,
                    wanted,
                    retry_in_ms,
                    code = code(&error),
                    "{error:#}; taking the partition again"
                );
                let standings = &wanted.pipeline.standings;
                standings.waits(&wanted.partition, format!("{error:#}"));
                if timeout(wait, stop.cancelled()).await.is_ok() {
                    return;
                }
                wait = (wait * 2).min(RESTART_MAX);
            }
        }
    }
}

async fn take_and_work(
    wanted: &PartitionWanted,
    stop: &CancellationToken,
    last: &mut Option<LastRun>,
) -> Ended {
    let begin = tokio::select! {
        () = stop.cancelled() => return Ended::Stopped,
        begin = take_one(wanted) => begin,
    };
    let ready = match begin {
        Ok(Begin::Go(ready)) => ready,
        Ok(Begin::Halt { lease, reason }) => {
            *last = Some(LastRun::new(lease));
            return Ended::Halt(reason);
        }
        Err(error) if needs_a_person(&error) => return Ended::Halt(error),
        Err(transient) => return Ended::Restart(transient),
    };
    let (start, intake) = ready.start();
    let (partition, offset) = (&wanted.partition, start.next_offset);
    log!(info, wanted, offset, "taken again");
    wanted.pipeline.kafka.restart(partition, start).await;
    work(wanted, ready, intake, stop, last).await
}

async fn take_one(wanted: &PartitionWanted) -> anyhow::Result<Begin> {
    let begins = take_partitions(std::slice::from_ref(wanted)).await?;
    let begin = begins.into_iter().next();
    begin.context("the partition was neither taken nor refused")?
}

impl PartitionWanted {
    fn is_paused(&self) -> bool {
        self.pipeline.fleet.is_paused(self.partition.partition)
    }
}

/// Whether Postgres said something that waiting does not mend: no permission, no such table.
fn needs_a_person(error: &anyhow::Error) -> bool {
    let database = error.downcast_ref::<DatabaseError>();
    database.is_some_and(|e| action(&e.fault()) == Action::Halt)
}

async fn work(
    wanted: &PartitionWanted,
    ready: Ready,
    mut intake: Intake,
    stop: &CancellationToken,
    last: &mut Option<LastRun>,
) -> Ended {
    let watch = last.as_ref().map_or(Watch::default(), |last| last.watch);
    let last = last.insert(LastRun::new(ready.lease.clone()));
    let is_first = ready.takes < 2;
    let mut worker = match Worker::new(wanted, ready, watch) {
        Ok(worker) => worker,
        Err(error) => return Ended::Halt(error),
    };
    let arrived = CancellationToken::new();
    worker.first_records = Some(arrived.clone());
    // A panic of the worker's halts the partition; after one elsewhere in its life it is taken
    // again.
    let stop = stop.clone();
    let mut task = tokio::spawn(async move {
        let ended = worker.run(&mut intake, &stop).await;
        (ended, worker.revision())
    });
    let joined = tokio::select! {
        joined = &mut task => joined,
        () = outlived(&arrived), if !is_first => {
            survived(wanted, &last.lease).await;
            task.await
        }
    };
    match joined {
        Ok((ended, revision)) => {
            last.revision = revision;
            last.watch = watch.after(&ended);
            if !is_first {
                survived(wanted, &last.lease).await;
            }
            ended
        }
        Err(panicked) => {
            let error = anyhow::Error::new(panicked);
            Ended::Halt(error.context("the worker ended; please report this"))
        }
    }
}

/// Waits until what may kill a process has not: what is fetched first is inflated before it
/// arrives, and where nothing arrives for so long nothing is inflated.
async fn outlived(arrived: &CancellationToken) {
    // Either way the process lives.
    let _ = timeout(OUTLIVED_AFTER, arrived.cancelled()).await;
}

/// Notes that this process did not die of the partition that others may have died of.
async fn survived(wanted: &PartitionWanted, lease: &Lease) {
    let noted = async {
        let connection = wanted.pipeline.commits.pool.get().await?;
        anyhow::Ok(vain_takes::forget(&connection, lease).await?)
    };
    match timeout(NOTE_WAIT, noted).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => log!(debug, wanted, "cannot note that its owner lives: {error:#}"),
        Err(_) => log!(debug, wanted, "cannot note that its owner lives: no answer"),
    }
}

/// Leaves the partition assigned and silent until somebody resumes it. Returns whether it was told
/// to stop.
async fn pause(wanted: &PartitionWanted, last: Option<&LastRun>, stop: &CancellationToken) -> bool {
    let number = wanted.partition.partition;
    let mut rollout = wanted.pipeline.fleet.subscribe();
    let order = rollout.borrow_and_update().steering.pause(number).cloned();
    let Some(order) = order else {
        return false;
    };
    let reason = format!("paused {}", order.who_and_why());
    log!(info, wanted, "{reason}");
    let standings = &wanted.pipeline.standings;
    standings.pauses(&wanted.partition, last.map(|last| &last.lease), &reason);
    stand_still(wanted, last, PartitionState::Paused, &reason).await;
    let resumed = tokio::select! {
        () = stop.cancelled() => return true,
        // Or another order pauses it from here on.
        resumed = rollout.wait_for(|r| r.steering.pause(number) != Some(&order)) => resumed,
    };
    if let Some(order) = resumed.ok().and_then(|r| r.steering.order(number).cloned())
        && order.verb == Verb::Resume
    {
        log!(info, wanted, "resumed {}", order.who_and_why());
    }
    false
}

/// Leaves the partition assigned and silent, says why, and waits to be given another revision or to
/// be resumed. The other partitions go on. Returns whether it was told to stop.
async fn halt(
    wanted: &PartitionWanted,
    last: Option<&LastRun>,
    reason: &anyhow::Error,
    stop: &CancellationToken,
) -> bool {
    let number = wanted.partition.partition;
    let mut rollout = wanted.pipeline.fleet.subscribe();
    let (halted_by, request) = {
        let known = rollout.borrow_and_update();
        let wanted = last.map_or(known.wanted(number), |last| last.revision);
        (wanted, known.steering.request(number))
    };
    log!(error, wanted, code = code(reason), "halted: {reason:#}");
    let reason = format!("{reason:#}");
    let (standings, lease) = (&wanted.pipeline.standings, last.map(|last| &last.lease));
    standings.halts(&wanted.partition, lease, &reason, request);
    stand_still(wanted, last, PartitionState::Halted, &reason).await;
    let is_woken =
        |r: &Rollout| r.wanted(number) != halted_by || r.steering.request(number) > request;
    tokio::select! {
        () = stop.cancelled() => return true,
        _ = rollout.wait_for(is_woken) => {}
    }
    log!(
        info,
        wanted,
        "resumed, or another revision is to run: taking the partition again"
    );
    standings.waits(&wanted.partition, "it is being taken again");
    if let Some(last) = last {
        try_once_more(wanted, &last.lease).await;
    }
    false
}

/// What owners died of is tried again because somebody wants it, and not because another process
/// started.
async fn try_once_more(wanted: &PartitionWanted, lease: &Lease) {
    let allowed = async {
        let connection = wanted.pipeline.commits.pool.get().await?;
        anyhow::Ok(vain_takes::allow_one_more(&connection, lease).await?)
    };
    match timeout(NOTE_WAIT, allowed).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => log!(warn, wanted, "cannot allow one more try: {error:#}"),
        Err(_) => log!(warn, wanted, "cannot allow one more try: no answer"),
    }
}

/// Stops reading, and notes what the partition is and why in its checkpoint.
async fn stand_still(
    wanted: &PartitionWanted,
    last: Option<&LastRun>,
    state: PartitionState,
    reason: &str,
) {
    let PartitionWanted {
        pipeline,
        partition,
    } = wanted;
    pipeline.kafka.halt(partition).await;
    let Some(lease) = last.map(|last| &last.lease) else {
        return;
    };
    let noted = async {
        let connection = pipeline.commits.pool.get().await?;
        lease::stand_still(&connection, lease, state, reason).await
    };
    match timeout(NOTE_WAIT, noted).await {
        Ok(Ok(_)) => {}
        // The heartbeat says it again, as soon as Postgres takes that.
        Ok(Err(error)) => log!(
            warn,
            wanted,
            "cannot note it in the checkpoint yet: {error}"
        ),
        Err(_) => log!(
            warn,
            wanted,
            "cannot note it in the checkpoint yet: no answer"
        ),
    }
}
