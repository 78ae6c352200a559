//! `gristmill schema`: the tables that a pipeline needs.

use anyhow::Result;
use clap::Subcommand;

use super::out::Out;
use super::pipeline_argument::PipelineArgument;
use crate::definition::host_sandbox;
use crate::ops::tables::Tables;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Print the SQL that creates what is missing: gristmill's own tables, the pipeline's target
    Print(PipelineArgument),
    /// Create what is missing; harmless where nothing is
    Apply(PipelineArgument),
}

pub(super) async fn run(command: Command, out: Out<'_>) -> Result<()> {
    let sandbox = host_sandbox::open()?;
    match command {
        Command::Print(pipeline) => {
            for opened in pipeline.open_all().await?.opened {
                write!(
                    out,
                    "{}",
                    Tables::open(opened, &sandbox).await?.sql().await?
                )?;
            }
        }
        Command::Apply(pipeline) => {
            let mut has_done = false;
            for opened in pipeline.open_to_create().await? {
                let mut tables = Tables::open(opened, &sandbox).await?;
                let done = tables.apply().await?;
                for line in &done {
                    writeln!(out, "{line}")?;
                }
                tables.check().await?;
                has_done |= !done.is_empty();
            }
            if !has_done {
                writeln!(out, "nothing to do: the tables are there")?;
            }
        }
    }
    Ok(())
}
