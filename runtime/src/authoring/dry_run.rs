//! A pipeline's chain on single records, each as if it were the first: nothing is remembered,
//! nothing is written.

use std::sync::Arc;

use anyhow::Result;
use gristmill_core::chain::Chain;
use gristmill_core::column::Field;
use gristmill_core::dead_letter::DeadLetter;
use gristmill_core::record::Records;
use jiff::Timestamp;
use serde_json::Value;

use crate::definition::pipeline::Pipeline;
use crate::definition::schemas::Schemas;
use gristmill_core::rows;

/// A chain to try records on.
pub struct DryRun {
    chain: Chain,
    schemas: Arc<Schemas>,
}

/// What becomes of one record.
pub struct Outcome {
    /// The rows that would go to the table, for people; an absent value has no key. None: the
    /// record was passed over, or is a dead letter.
    pub rows: Vec<Value>,
    pub dead_letters: Vec<DeadLetter>,
}

impl DryRun {
    /// Takes a chain of the pipeline.
    pub fn new(pipeline: &Pipeline) -> Result<Self> {
        Ok(Self {
            chain: pipeline.chain(0, None)?,
            schemas: Arc::clone(pipeline.schemas()),
        })
    }

    /// The columns of the rows.
    pub fn fields(&self) -> &[Field] {
        self.chain.target()
    }

    /// Runs the chain on a batch of one record.
    pub fn run(&mut self, record: Records) -> Result<Outcome> {
        self.schemas.teach(&mut self.chain, &record)?;
        let now_us = Timestamp::now().as_microsecond();
        let computed = self
            .chain
            .compute(record, now_us)
            .map_err(|batch| batch.fault)?;
        self.chain.forget_uncommitted();
        let batch = &computed.rows;
        Ok(Outcome {
            rows: rows::shown(&batch.fields, &batch.columns, batch.rows),
            dead_letters: computed.dead_letters,
        })
    }
}
