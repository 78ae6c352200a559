//! Whether a process can do its work, and why not.

use std::sync::Arc;

use crate::handles::{Commits, HostedPipeline};

/// Why the process is not ready, a sentence each; none: it is. A partition that halted, or that a
/// person paused, does not make the process unready: nothing is won by sending its work elsewhere.
pub fn reasons(commits: &Commits, pipelines: &[Arc<HostedPipeline>]) -> Vec<String> {
    let postgres = commits
        .silent()
        .map(|reason| format!("waiting for postgres: {}", reason.text));
    let of_pipeline = |pipeline: &Arc<HostedPipeline>| {
        let (name, standings) = (pipeline.name(), &pipeline.standings);
        if let Some(reason) = standings.kafka() {
            return Some(format!("{name}: waiting for kafka: {}", reason.text));
        }
        let is_joined = standings.is_joined();
        (!is_joined).then(|| format!("{name}: has not joined its consumer group yet"))
    };
    let pipelines = pipelines.iter().filter_map(of_pipeline);
    postgres.into_iter().chain(pipelines).collect()
}
