//! `gristmill transform new`: a small crate to begin with.

use std::path::Path;

use anyhow::Result;

use super::Out;
use crate::authoring;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The rule's name, and the folder's: lower-case words with hyphens
    name: String,
}

pub(super) fn run(args: &Args, out: Out<'_>) -> Result<()> {
    let name = &args.name;
    authoring::create(Path::new(""), name)?;
    writeln!(
        out,
        "{name}/src/lib.rs is the rule, {name}/cases/first.json what it answers

next:
  cd {name}
  gristmill transform test              # build it and run the cases
  gristmill try . --on events.json      # events before and after
  gristmill transform bench             # what a row costs"
    )?;
    Ok(())
}
