//! `gristmill run`.

use std::path::Path;

use anyhow::Result;

use crate::config;
use crate::supervisor;

pub(super) async fn run(path: &Path) -> Result<()> {
    let stop = super::stop_signal()?;
    supervisor::run(config::load(path)?, stop).await
}
