//! `gristmill pipeline`: what the database knows of pipelines.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Subcommand;
use gristmill_postgres::fleet::forgetting::Forgetting;

use super::out::{Out, complain};
use crate::definition::file;
use crate::ops::forget::forget;
use crate::ops::opened::Opened;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Forget a pipeline: its revisions, checkpoints, dead letters and history
    ///
    /// Its table stays as it is, with the versions of its rows. A pipeline of that name that is run
    /// later begins at the topic's first record, and older events do not win over the rows that are
    /// there. Refused while a process runs it.
    Forget {
        /// A file that names the database
        #[arg(value_name = "FILE")]
        path: PathBuf,
        /// The pipeline's name, also of one that the file no longer stands for
        name: String,
    },
}

pub(super) async fn run(command: Command, out: Out<'_>) -> Result<ExitCode> {
    let Command::Forget { path, name } = command;
    let opened = Opened::new(&path, file::load_any(&path)?)?;
    let forgetting = forget(&opened, &name).await;
    match forgetting.with_context(|| format!("cannot forget {name}"))? {
        Forgetting::Forgotten {
            partitions,
            letters,
        } => {
            writeln!(
                out,
                "the pipeline {name} is forgotten, with {partitions} checkpoints and {letters} \
                 dead letters; its table stays"
            )?;
            Ok(ExitCode::SUCCESS)
        }
        Forgetting::Unknown => {
            complain(&format!("no pipeline {name} has run on this database"));
            Ok(ExitCode::FAILURE)
        }
        Forgetting::Runs { host } => {
            complain(&format!(
                "{host} runs the pipeline {name}: end it, or leave its topic out of the file, first"
            ));
            Ok(ExitCode::FAILURE)
        }
    }
}
