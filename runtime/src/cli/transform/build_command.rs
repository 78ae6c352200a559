//! `gristmill transform build`: from a crate to a component.

use std::path::PathBuf;

use anyhow::Result;

use super::Out;
use super::inspect_command::size;
use crate::authoring::RuleCrate;
use crate::definition::host_sandbox;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The rule's folder
    #[arg(default_value = ".")]
    dir: PathBuf,
}

pub(super) fn run(args: &Args, out: Out<'_>) -> Result<()> {
    let built = RuleCrate::open(&args.dir)?.build(&host_sandbox::open()?)?;
    let (file, digest) = (built.file.display(), built.component.digest());
    let size = size(built.component.bytes().len());
    writeln!(out, "{file}  {size}  sha256:{digest}")?;
    Ok(())
}
