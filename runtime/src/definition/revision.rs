//! Revisions ready to run: loaded from Postgres, where the fleet's truth is, and compiled off the
//! data path.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use tokio::sync::Semaphore;

use crate::definition::bundle::Bundle;
use crate::definition::file::Config;
use crate::definition::pipeline::Pipeline;
use gristmill_postgres::commit::sink::Sink;
use gristmill_postgres::wire::connection::Database;
use gristmill_sandbox::Sandbox;

/// A whole definition at one moment, with all that a worker needs to run it.
pub struct Revision {
    pub number: i32,
    pub pipeline: Pipeline,
    pub sink: Sink,
}

/// The revisions that this process has ready, by number.
pub struct Revisions {
    host: Config,
    sandbox: Sandbox,
    database: Database,
    ready: Mutex<HashMap<i32, Arc<Revision>>>,
    /// One is loaded at a time: two partitions that start at once want the same.
    loading: tokio::sync::Mutex<()>,
    /// Those that a process loads at a time, of whatever pipeline.
    places: Arc<Semaphore>,
}

impl Revisions {
    /// None is ready yet. `host` says what a revision does not: addresses, sizes, and the
    /// pipeline's name. Each that is loaded takes one of `places`.
    pub fn new(host: Config, sandbox: Sandbox, database: Database, places: Arc<Semaphore>) -> Self {
        Self {
            host,
            sandbox,
            database,
            ready: Mutex::default(),
            loading: tokio::sync::Mutex::default(),
            places,
        }
    }

    /// The revision, if it is ready.
    pub fn get(&self, number: i32) -> Option<Arc<Revision>> {
        let ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        ready.get(&number).cloned()
    }

    /// Forgets all others. Workers that still run one keep it until they change.
    pub fn keep(&self, numbers: &[i32]) {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        ready.retain(|number, _| numbers.contains(number));
    }

    /// The revision, loaded from Postgres unless it is ready. The error says everything that keeps
    /// this host from running it.
    pub async fn load(&self, number: i32) -> Result<Arc<Revision>> {
        let _one_at_a_time = self.loading.lock().await;
        if let Some(ready) = self.get(number) {
            return Ok(ready);
        }
        let _place = self.places.acquire().await;
        let revision = self
            .fetch(number)
            .await
            .with_context(|| format!("revision {number}"))?;
        let revision = Arc::new(revision);
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        ready.insert(number, Arc::clone(&revision));
        Ok(revision)
    }

    async fn fetch(&self, number: i32) -> Result<Revision> {
        let connection = self.database.connect().await?;
        let bundle = Bundle::stored(&connection, &self.host, number).await?;
        let (reads, says) = (&bundle.config.source.topic, &self.host.source.topic);
        if reads != says {
            bail!(
                "it reads the topic {reads}, this host's pipeline file says {says}: stop all \
                 hosts and start them with the same file"
            );
        }
        let pipeline = Pipeline::assemble(bundle, &self.sandbox, &self.database).await?;
        pipeline.check_table(&connection).await?;
        Ok(Revision {
            number,
            sink: pipeline.sink(&connection, Some(number)).await?,
            pipeline,
        })
    }
}
