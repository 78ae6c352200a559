//! Pipelines that this process runs, as they come.

use std::sync::{Arc, PoisonError, RwLock};

use crate::handles::hosted_pipeline::HostedPipeline;

/// Those of one file, or those that write to one database. More come as the process runs, and none
/// goes.
#[derive(Default)]
pub struct Pipelines {
    all: RwLock<Vec<Arc<HostedPipeline>>>,
}

impl Pipelines {
    /// Those that are here by now.
    pub fn all(&self) -> Vec<Arc<HostedPipeline>> {
        self.all
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// One more, behind the others.
    pub fn add(&self, pipeline: Arc<HostedPipeline>) {
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        all.push(pipeline);
    }

    /// The one that reads `topic`.
    pub fn reading(&self, topic: &str) -> Option<Arc<HostedPipeline>> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        let reads = |pipeline: &&Arc<HostedPipeline>| pipeline.config.source.topic == topic;
        all.iter().find(reads).cloned()
    }
}
