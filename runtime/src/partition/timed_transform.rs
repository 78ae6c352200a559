//! A transform of a worker's, with a watch on it.

use std::sync::Arc;
use std::time::Instant;

use gristmill_core::column::Batch;
use gristmill_core::plan::Plan;
use gristmill_core::transform::{Fault, Output, Transform};

use crate::handles::metrics::Metrics;

/// Tells the metrics how long each call takes: one a batch, unless the batch is split.
pub(super) struct TimedTransform {
    transform: Box<dyn Transform>,
    pipeline: String,
    metrics: Arc<Metrics>,
}

impl TimedTransform {
    pub(super) fn new(
        transform: Box<dyn Transform>,
        pipeline: &str,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            transform,
            pipeline: pipeline.to_owned(),
            metrics,
        }
    }
}

impl Transform for TimedTransform {
    fn name(&self) -> &str {
        self.transform.name()
    }

    fn plan(&self) -> &Plan {
        self.transform.plan()
    }

    fn begin_batch(&mut self) {
        self.transform.begin_batch();
    }

    fn apply(&mut self, input: &Batch) -> Result<Output, Fault> {
        let begun = Instant::now();
        let output = self.transform.apply(input);
        let took = begun.elapsed();
        let name = self.transform.name();
        self.metrics.transform_took(&self.pipeline, name, took);
        output
    }
}
