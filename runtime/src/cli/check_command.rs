//! `gristmill check`: everything that would stop a pipeline, before it starts.

use std::process::ExitCode;

use anyhow::Result;

use super::out::{Out, complain};
use super::pipeline_argument::PipelineArgument;
use super::url_passwords::without_passwords;
use crate::definition::file;
use crate::ops::pipelines_of_file::PipelinesOfFile;
use crate::ops::preflight;

/// Problems go to standard error, a line each; that there are none is the result.
pub(super) async fn run(pipeline: &PipelineArgument, out: Out<'_>) -> Result<ExitCode> {
    if let Err(error) = file::load_any(&pipeline.path) {
        complain(&error.to_string());
        return Ok(ExitCode::FAILURE);
    }
    let PipelinesOfFile {
        opened,
        is_template,
        refused,
        ..
    } = pipeline.open_all().await?;
    for problem in &refused {
        complain(problem);
    }
    let mut is_well = refused.is_empty();
    for one in opened {
        let of = match is_template {
            true => format!("{}: ", one.name()),
            false => String::new(),
        };
        let found = preflight::check(one.config).await?;
        if found.problems.is_empty() {
            let (path, kafka) = (pipeline.path.display(), found.bootstrap);
            let kafka = without_passwords(&kafka);
            writeln!(out, "{of}{path}: ready to run (kafka at {kafka})")?;
        }
        if let Some(memory) = found.memory.filter(|_| !is_template) {
            writeln!(out, "{memory}")?;
        }
        for warning in &found.warnings {
            complain(&format!("{of}warning: {warning}"));
        }
        for problem in &found.problems {
            complain(&format!("{of}{problem}"));
        }
        is_well &= found.problems.is_empty();
    }
    Ok(match is_well {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
