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
    match command {
        Command::Print(pipeline) => write!(out, "{}", open(&pipeline).await?.sql().await?)?,
        Command::Apply(pipeline) => {
            let mut tables = open(&pipeline).await?;
            let done = tables.apply().await?;
            for line in &done {
                writeln!(out, "{line}")?;
            }
            tables.check().await?;
            if done.is_empty() {
                writeln!(out, "nothing to do: the tables are there")?;
            }
        }
    }
    Ok(())
}

async fn open(pipeline: &PipelineArgument) -> Result<Tables> {
    Tables::open(pipeline.open()?, &host_sandbox::open()?).await
}
