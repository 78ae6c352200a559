//! `gristmill transform history`: who changed what a pipeline runs, when and why, what is being
//! tried, and which rows each revision wrote.

use anyhow::Result;

use super::swap::PipelineArg;
use crate::cli::table;
use gristmill_postgres::fleet::{history, rollout};
use gristmill_postgres::table::target::TargetTable;

pub(super) async fn run(args: PipelineArg) -> Result<()> {
    let (config, database) = super::super::open(&args.pipeline)?;
    let connection = database.connect().await?;
    let name = &config.pipeline.name;
    let mut revisions = table::borderless();
    revisions.set_header(["revision", "state", "made", "by", "why"]);
    for made in history::revisions(&connection, name).await? {
        let r = made.revision;
        let why = r.reason.unwrap_or_default();
        revisions.add_row([
            r.revision.to_string(),
            r.state,
            made.at.to_string(),
            r.by,
            why,
        ]);
    }
    println!("{}\n", table::text(revisions));
    if let Some(stands) = rollout::read(&connection, name).await?
        && let Some(staged) = stands.staging
    {
        let on = match stands.canary {
            Some(partition) => format!("runs on partition {partition}"),
            None => "is being staged".to_owned(),
        };
        println!(
            "revision {staged} {on}: `gristmill transform promote` makes it active everywhere, \
             `rollback` gives it up\n"
        );
    }
    let mut activations = table::borderless();
    activations.set_header(["partition", "from offset", "revision", "since", "by"]);
    for a in history::activations(&connection, name).await? {
        let partition = format!("{}[{}]", a.topic, a.partition);
        let (offset, revision) = (a.from_offset.to_string(), a.revision.to_string());
        activations.add_row([partition, offset, revision, a.at.to_string(), a.by]);
    }
    println!("{}", table::text(activations));
    let target = TargetTable::load(&connection, &config.target.table).await?;
    if let Some(table) = target.as_ref().and_then(TargetTable::with_revision) {
        println!();
        for (revision, rows) in history::rows_by_revision(&connection, table).await? {
            println!("{rows} rows were written last by revision {revision}");
        }
    }
    Ok(())
}
