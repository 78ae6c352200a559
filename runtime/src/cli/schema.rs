//! `gristmill schema`: the tables that a pipeline needs.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Subcommand;

use crate::definition::pipeline::Pipeline;
use gristmill_postgres::table::schema;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Print the SQL that creates gristmill's own tables and the pipeline's target
    Print {
        /// The pipeline's TOML file
        pipeline: PathBuf,
    },
    /// Create what is missing; harmless where nothing is
    Apply {
        /// The pipeline's TOML file
        pipeline: PathBuf,
    },
}

pub(super) async fn run(command: Command) -> Result<()> {
    match command {
        Command::Print { pipeline } => {
            let (pipeline, _) = super::open_pipeline(&pipeline).await?;
            print!("{}", schema::print(Some(&pipeline.wanted())));
        }
        Command::Apply { pipeline } => {
            let (pipeline, database) = super::open_pipeline(&pipeline).await?;
            let mut connection = database.connect().await?;
            apply(&pipeline, &mut connection).await?;
        }
    }
    Ok(())
}

async fn apply(
    pipeline: &Pipeline,
    connection: &mut gristmill_postgres::wire::connection::Connection,
) -> Result<()> {
    let done = schema::apply(connection, Some(&pipeline.wanted())).await?;
    match done.is_empty() {
        true => println!("nothing to do: the tables are there"),
        false => done.iter().for_each(|line| println!("{line}")),
    }
    // A table that was there already is left as it is.
    let fits = pipeline.check_table(connection).await;
    fits.context("the tables are there and do not fit the pipeline")
}
