//! Another rule in several pipelines at once: all of them can run it, or none gets it.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use gristmill_postgres::fleet::activation;
use gristmill_postgres::wire::connection::Connection;
use gristmill_sandbox::Sandbox;

use crate::fleet::stage;

use super::opened::Opened;
use super::proved_change::{ProvedChange, StageResult};
use super::running_pipeline::RunningPipeline;
use super::swap::{self, SwapRequest};
use super::who::who;

/// Pipelines that a cause names.
const NAMED_MAX: usize = 3;

/// What became of one of several pipelines.
#[derive(Debug)]
pub struct SwappedOne {
    pub pipeline: String,
    /// The revision that is active now; `None`: the one before says the same, or stays.
    pub revision: Option<i32>,
    /// Why it is not active, though all were ready: another change came between.
    pub error: Option<anyhow::Error>,
}

/// Swaps the rule in all of `opened`, which are of one file. First each is checked, then each is
/// staged, and where one cannot be, nothing has changed in any. From there on each goes alone.
/// Partitions are not waited for.
pub async fn swap_several(
    opened: Vec<Opened>,
    sandbox: &Sandbox,
    request: &SwapRequest,
) -> Result<Vec<SwappedOne>> {
    let Some(first) = opened.first() else {
        return Ok(Vec::new());
    };
    let database = first.database.clone();
    let mut proved = Vec::new();
    let mut problems: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for one in opened {
        let name = one.name().to_owned();
        // Its connection goes with it: a server may have fewer places than there are pipelines.
        match prove(one, sandbox, request).await {
            Ok(change) => proved.push(change),
            Err(error) => problems.entry(format!("{error:#}")).or_default().push(name),
        }
    }
    if !problems.is_empty() {
        bail!(
            "nothing has changed, as some pipelines cannot run it\n{}",
            by_cause(&problems)
        );
    }
    let mut connection = database.connect().await?;
    let mut staged: Vec<(&ProvedChange, Option<i32>)> = Vec::new();
    for change in &proved {
        match change.stage(&mut connection, &mut |_| {}).await {
            Ok(StageResult::Ready(revision)) => staged.push((change, Some(revision))),
            Ok(StageResult::Same) => staged.push((change, None)),
            Err(error) => {
                let name = &change.pipeline;
                give_up(&connection, &staged, name).await?;
                return Err(error.context(format!("nothing has changed, as {name} did not get it")));
            }
        }
    }
    let mut swapped = Vec::new();
    for (change, revision) in staged {
        let (pipeline, before) = (change.pipeline.clone(), change.based_on);
        let activated = match revision {
            Some(revision) => stage::activate(&connection, &pipeline, revision, before).await,
            None => Ok(()),
        };
        swapped.push(SwappedOne {
            pipeline,
            revision: revision.filter(|_| activated.is_ok()),
            error: activated.err(),
        });
    }
    Ok(swapped)
}

/// A line for each cause, with the names of some that have it.
fn by_cause(problems: &BTreeMap<String, Vec<String>>) -> String {
    let line = |(cause, names): (&String, &Vec<String>)| {
        let first = names[..names.len().min(NAMED_MAX)].join(", ");
        match names.len().saturating_sub(NAMED_MAX) {
            0 => format!("{first}: {cause}"),
            more => format!("{first} and {more} more: {cause}"),
        }
    };
    let lines: Vec<String> = problems.iter().map(line).collect();
    lines.join("\n")
}

async fn prove(opened: Opened, sandbox: &Sandbox, request: &SwapRequest) -> Result<ProvedChange> {
    let running = RunningPipeline::open(opened, sandbox.clone()).await?;
    swap::prove(&running, request).await
}

/// Gives up what is staged of a change that `failed` did not get.
async fn give_up(
    connection: &Connection,
    staged: &[(&ProvedChange, Option<i32>)],
    failed: &str,
) -> Result<()> {
    let by = who();
    for (change, revision) in staged {
        if let Some(revision) = *revision {
            let why = format!("given up by {by}, as {failed} did not get it");
            activation::give_up_by(connection, &change.pipeline, revision, &by, &why).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_cause_is_one_line() {
        let names = |range: std::ops::Range<u8>| range.map(|n| format!("p{n}")).collect();
        let problems = BTreeMap::from([
            ("no column a".to_owned(), names(0..5)),
            ("no table".to_owned(), names(5..6)),
        ]);
        let told = "p0, p1, p2 and 2 more: no column a\np5: no table";
        assert_eq!(by_cause(&problems), told);
    }
}
