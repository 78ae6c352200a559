//! `gristmill transform history`: who changed what a pipeline runs, when and why, what is being
//! tried, and which rows each revision wrote.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use super::{Out, PipelineArgument, each, table};
use crate::ops::revisions::{Past, past};

pub(super) async fn run(pipeline: &PipelineArgument, out: Out<'_>) -> Result<ExitCode> {
    let opened = pipeline.open_those_that_ran().await?;
    each(opened, out, async |opened, out| {
        render(&past(&opened).await?, &pipeline.path, out)?;
        Ok(ExitCode::SUCCESS)
    })
    .await
}

/// `path` is the pipeline's file, as whoever asks called it.
pub(crate) fn render(past: &Past, path: &Path, out: Out<'_>) -> io::Result<()> {
    let mut revisions = table::borderless();
    revisions.set_header(["revision", "state", "made", "by", "role", "why"]);
    for r in &past.revisions {
        let (number, made) = (r.revision.to_string(), r.made.to_string());
        let role = r.session_user.as_deref().unwrap_or_default();
        revisions.add_row([&number, &r.state, &made, &r.by, role, &r.why]);
    }
    writeln!(out, "{}\n", table::text(revisions))?;
    if let Some(staged) = past.staged {
        let on = match staged.canary {
            Some(partition) => format!("runs on partition {partition}"),
            None => "is being staged".to_owned(),
        };
        writeln!(
            out,
            "revision {} {on}: `gristmill transform promote {}` makes it active everywhere, \
             `rollback` gives it up\n",
            staged.revision,
            path.display()
        )?;
    }
    let mut activations = table::borderless();
    activations.set_header(["partition", "from offset", "revision", "since", "by"]);
    for a in &past.activations {
        let partition = format!("{}[{}]", a.topic, a.partition);
        let (offset, revision) = (a.from_offset.to_string(), a.revision.to_string());
        activations.add_row([&partition, &offset, &revision, &a.since.to_string(), &a.by]);
    }
    writeln!(out, "{}", table::text(activations))?;
    if let Some(rows) = &past.rows {
        writeln!(out)?;
        for r in rows {
            let (rows, revision) = (r.rows, r.revision);
            writeln!(out, "{rows} rows were written last by revision {revision}")?;
        }
    }
    Ok(())
}
