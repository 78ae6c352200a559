//! Whether a process can do its work, and why not.

use std::sync::Arc;

use crate::handles::{HostedDatabase, HostedPipeline};

/// Why the process is not ready, a sentence each; none: it is. A partition that halted, or that a
/// person paused, does not make the process unready: nothing is won by sending its work elsewhere.
pub fn reasons(databases: &[Arc<HostedDatabase>]) -> Vec<String> {
    let silent = databases.iter().filter_map(|d| d.commits.silent());
    let postgres = silent.map(|reason| format!("waiting for postgres: {}", reason.text));
    let of_pipeline = |pipeline: Arc<HostedPipeline>| {
        let (name, standings) = (pipeline.name(), &pipeline.standings);
        // One table that the source has dropped is no trouble of the others.
        if standings.is_gone() {
            return None;
        }
        if let Some(reason) = standings.kafka() {
            return Some(format!("{name}: waiting for kafka: {}", reason.text));
        }
        let is_joined = standings.is_joined();
        (!is_joined).then(|| format!("{name}: has not joined its consumer group yet"))
    };
    let all = databases.iter().flat_map(|d| d.pipelines.all());
    postgres.chain(all.filter_map(of_pipeline)).collect()
}
