//! A pipeline's chain on single records, each as if it were the first: nothing is remembered,
//! nothing is written.

use anyhow::{Context, Result};
use gristmill_core::chain::Chain;
use gristmill_core::column::Field;
use gristmill_core::dead_letter::DeadLetter;
use gristmill_core::record::Records;
use jiff::Timestamp;
use serde_json::Value;

use crate::definition::bundle::Parts;
use crate::definition::file::Config;
use crate::definition::pipeline::Pipeline;
use gristmill_core::rows;
use gristmill_postgres::wire::connection::Database;
use gristmill_sandbox::Sandbox;

/// A chain to try records on.
pub struct Trial {
    chain: Chain,
}

/// What becomes of one record.
pub struct Outcome {
    /// The rows that would go to the table; an absent value has no key. None: the record was
    /// passed over, or is a dead letter.
    pub rows: Vec<Value>,
    pub dead_letters: Vec<DeadLetter>,
}

impl Trial {
    /// Loads what the pipeline names. Kafka is not asked, and Postgres for dimensions that are
    /// queries only.
    pub async fn new(config: Config, sandbox: &Sandbox) -> Result<Self> {
        Self::of(Parts::read(config)?, sandbox).await
    }

    /// The same of a definition that has been read already.
    pub async fn of(parts: Parts, sandbox: &Sandbox) -> Result<Self> {
        let url = &parts.config.target.url;
        let database = Database::new(url, "gristmill/try").context("target.url")?;
        let pipeline = Pipeline::assemble(parts, sandbox, &database).await?;
        Ok(Self {
            chain: pipeline.chain(0, None)?,
        })
    }

    /// The columns of the rows.
    pub fn fields(&self) -> &[Field] {
        self.chain.target()
    }

    /// Runs the chain on a batch of one record.
    pub fn run(&mut self, record: Records) -> Result<Outcome> {
        let now_us = Timestamp::now().as_microsecond();
        let computed = self
            .chain
            .compute(record, now_us)
            .map_err(|batch| batch.fault)?;
        self.chain.forget_uncommitted();
        let batch = &computed.rows;
        Ok(Outcome {
            rows: rows::read(&batch.fields, &batch.columns, batch.rows),
            dead_letters: computed.dead_letters,
        })
    }
}
