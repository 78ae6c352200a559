//! `gristmill transform build`: from a crate to a component.

use std::path::PathBuf;

use anyhow::Result;

use crate::authoring::RuleCrate;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The rule's folder
    #[arg(default_value = ".")]
    dir: PathBuf,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let built = RuleCrate::open(&args.dir)?.build(&crate::cli::sandbox()?)?;
    let size = super::inspect::size(built.component.bytes().len());
    let digest = built.component.digest();
    println!("{}  {size}  sha256:{digest}", built.file.display());
    Ok(())
}
