//! `gristmill run`.

use std::path::Path;

use anyhow::Result;

use crate::config;
use crate::sandbox::Sandbox;
use crate::supervisor;

pub(super) async fn run(path: &Path) -> Result<()> {
    let stop = super::stop_signal()?;
    let config = config::load(path)?;
    let sandbox = Sandbox::new(crate::cache_folder().as_deref())?;
    supervisor::run(config, sandbox, stop).await
}
