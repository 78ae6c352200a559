//! `gristmill transform build`: from a rule's folder to its component.

use std::path::PathBuf;

use anyhow::Result;

use super::Out;
use super::inspect_command::size;
use crate::authoring::Subject;
use crate::definition::host_sandbox;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The rule's folder
    #[arg(default_value = ".")]
    dir: PathBuf,
}

pub(super) fn run(args: &Args, out: Out<'_>) -> Result<()> {
    let subject = Subject::of_folder(&args.dir)?;
    let component = subject.load(&host_sandbox::open()?)?;
    let (file, digest) = (subject.shown(), component.digest());
    let size = size(component.bytes().len());
    writeln!(out, "{file}  {size}  sha256:{digest}")?;
    Ok(())
}
