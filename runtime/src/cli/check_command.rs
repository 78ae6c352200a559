//! `gristmill check`: everything that would stop a pipeline, before it starts.

use std::process::ExitCode;

use anyhow::Result;

use super::out::{Out, complain};
use super::pipeline_argument::PipelineArgument;
use crate::definition::file;
use crate::ops::preflight;

/// Problems go to standard error, a line each; that there are none is the result.
pub(super) async fn run(pipeline: &PipelineArgument, out: Out<'_>) -> Result<ExitCode> {
    let (problems, warnings) = match file::load(&pipeline.path) {
        Err(error) => (vec![error.to_string()], Vec::new()),
        Ok(config) => {
            pipeline.check(&config)?;
            let found = preflight::check(config).await?;
            if found.problems.is_empty() {
                let (path, kafka) = (pipeline.path.display(), found.bootstrap);
                writeln!(out, "{path}: ready to run (kafka at {kafka})")?;
            }
            if let Some(memory) = found.memory {
                writeln!(out, "{memory}")?;
            }
            (found.problems, found.warnings)
        }
    };
    for warning in &warnings {
        complain(&format!("warning: {warning}"));
    }
    for problem in &problems {
        complain(problem);
    }
    Ok(match problems.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
