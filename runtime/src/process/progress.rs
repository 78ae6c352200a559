//! The line in the log that says how a process is doing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::handles::HostedDatabase;
use crate::handles::commits::Committed;

/// How often a running process says how it is doing.
const PROGRESS_EVERY: Duration = Duration::from_secs(10);

/// Logs what has committed, as long as something does, until `stop`.
pub(super) async fn log_progress(databases: Vec<Arc<HostedDatabase>>, stop: CancellationToken) {
    let (mut before, mut since) = (0, Instant::now());
    while !is_stopped_within(PROGRESS_EVERY, &stop).await {
        let committed = committed(&databases);
        if committed.records > before {
            let records = (committed.records - before) as f64;
            let per_second = records / since.elapsed().as_secs_f64();
            tracing::info!(
                records = committed.records,
                rows = committed.rows,
                dead_letters = committed.dead_letters,
                per_second = per_second.round() as u64,
                "progress"
            );
        }
        summarize_letters(&databases);
        (before, since) = (committed.records, Instant::now());
    }
    summarize_letters(&databases);
}

/// What has committed since the process began, in all its databases.
pub(super) fn committed(databases: &[Arc<HostedDatabase>]) -> Committed {
    let all = databases
        .iter()
        .map(|database| database.commits.committed());
    all.fold(Committed::default(), |sum, one| Committed {
        records: sum.records + one.records,
        rows: sum.rows + one.rows,
        dead_letters: sum.dead_letters + one.dead_letters,
    })
}

fn summarize_letters(databases: &[Arc<HostedDatabase>]) {
    for pipeline in databases.iter().flat_map(|d| d.pipelines.all()) {
        let topic = &pipeline.config.source.topic;
        pipeline.letter_log.summarize(pipeline.name(), topic);
    }
}

async fn is_stopped_within(time: Duration, stop: &CancellationToken) -> bool {
    tokio::time::timeout(time, stop.cancelled()).await.is_ok()
}
