//! `gristmill run`.

use std::path::Path;

use anyhow::Result;

use crate::config;
use crate::supervisor;

pub(super) async fn run(path: &Path) -> Result<()> {
    let stop = super::stop_signal()?;
    let config = config::load(path)?;
    let sandbox = crate::cli::sandbox()?;
    supervisor::run(config, sandbox, stop).await
}
