//! `gristmill run`.

use std::path::Path;

use anyhow::Result;

use crate::definition::file;
use crate::process;

pub(super) async fn run(path: &Path) -> Result<()> {
    let stop = super::stop_signal()?;
    let config = file::load(path)?;
    let sandbox = crate::cli::sandbox()?;
    process::run(config, sandbox, stop).await
}
