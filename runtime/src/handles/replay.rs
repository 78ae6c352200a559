//! The way of dead letters back into a pipeline.

use std::pin::Pin;
use std::sync::Arc;

use anyhow::Result;
use gristmill_postgres::letters::stored_letter::LetterId;

use crate::definition::file::Config;

/// Sends dead letters of the pipeline of a config through its active rules again. Returns how many
/// are used now.
pub type Replay = Arc<
    dyn Fn(Config, Vec<LetterId>) -> Pin<Box<dyn Future<Output = Result<u64>> + Send>>
        + Send
        + Sync,
>;
