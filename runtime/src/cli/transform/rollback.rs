//! `gristmill transform rollback`: going back to what a rule was.

use anyhow::{Context, Result};

use super::fleet::{Change, Fleet};
use super::swap::{PipelineArg, WaitArg};
use crate::definition::bundle::Parts;
use crate::definition::spec::Spec;
use gristmill_postgres::fleet::history::{self, DatedRevision};

#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// The transform's name in the pipeline
    name: String,
    #[command(flatten)]
    wait: WaitArg,
    #[command(flatten)]
    pipeline: PipelineArg,
}

pub(super) async fn run(args: Args) -> Result<()> {
    let mut fleet = Fleet::open(&args.pipeline.pipeline).await?;
    if fleet.gives_up_staged(&args.name).await? {
        return Ok(());
    }
    let mut parts = fleet.active.parts();
    let position = parts.position(&args.name)?;
    let made = history::revisions(&fleet.connection, &fleet.config.pipeline.name).await?;
    let steps: Vec<Step> = made.iter().map(Step::of).collect::<Result<_>>()?;
    let earlier = before(&steps, fleet.stands.active, &args.name);
    let earlier = earlier.with_context(|| {
        format!(
            "there is nothing to go back to: no revision before had another `{}`",
            args.name
        )
    })?;
    let then = Parts::stored(&fleet.connection, &fleet.config, earlier).await?;
    let was = then.position(&args.name)?;
    parts.components[position] = then.components[was].clone();
    parts.config.transform[position] = then.config.transform[was].clone();
    // Columns that only the newer rule wrote stay in the table.
    let written = fleet.active.fields().iter().map(|f| f.name.clone());
    let change = Change {
        parts,
        retire: &written.collect::<Vec<_>>(),
        reason: &format!(
            "rollback {} to what it was in revision {earlier}",
            args.name
        ),
        restores: Some(earlier),
        patience: args.wait.patience(),
    };
    match fleet.stage(change).await? {
        Some(revision) => fleet.activate(revision).await,
        None => Ok(()),
    }
}

/// A revision, as far as it matters to whoever goes back.
struct Step {
    revision: i32,
    based_on: Option<i32>,
    restores: Option<i32>,
    spec: Spec,
}

impl Step {
    fn of(made: &DatedRevision) -> Result<Self> {
        Ok(Self {
            revision: made.revision.revision,
            based_on: made.based_on,
            restores: made.restores,
            spec: serde_json::from_value(made.revision.spec.clone())?,
        })
    }
}

/// The nearest revision before `active` that had another rule called `name`: back along what each
/// was made from; where one took the rule back itself, from what it took it. So going back twice
/// goes back twice, and not to and fro.
fn before(steps: &[Step], active: i32, name: &str) -> Option<i32> {
    let step = |number: i32| steps.iter().find(|s| s.revision == number);
    let now = step(active)?.spec.rule(name)?;
    let mut at = step(active)?;
    loop {
        let base = at.based_on.and_then(step)?;
        let took_back = base.spec.rule(name) != Some(now);
        let next = match at.restores {
            Some(restored) if took_back => step(restored)?,
            _ => base,
        };
        // Each was made of older ones, or somebody has written into the table.
        if next.revision >= at.revision {
            return None;
        }
        match next.spec.rule(name)? {
            rule if rule == now => at = next,
            _ => return Some(next.revision),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Revisions from 1 on, each with what it was made from, what it took a rule back from, and the
    /// configs of the rules `x` and `y`.
    fn steps(all: &[(i32, i32, [i32; 2])]) -> Vec<Step> {
        let rule = |name: &str, config: i32| json!({"name": name, "digest": "d", "config": config, "limits": {}});
        let number = |n: i32| (n > 0).then_some(n);
        let step = |(revision, (based_on, restores, [x, y])): (i32, &(i32, i32, [i32; 2]))| {
            let spec = json!({
                "pipeline": {"name": "p"}, "topic": "t", "on_gap": "halt", "tombstone": "ignore", "record_max_bytes": 1,
                "transforms": [rule("x", *x), rule("y", *y)], "dimensions": {}, "target": "t",
            });
            Step {
                revision,
                based_on: number(*based_on),
                restores: number(*restores),
                spec: serde_json::from_value(spec).unwrap(),
            }
        };
        (1..).zip(all).map(step).collect()
    }

    #[test]
    fn a_rollback_goes_on_from_what_the_last_one_restored() {
        // A, B, C, and back to B: then A is before it, and before A nothing.
        let mut all = vec![
            (0, 0, [1, 0]),
            (1, 0, [2, 0]),
            (2, 0, [3, 0]),
            (3, 2, [2, 0]),
        ];
        assert_eq!(before(&steps(&all[..3]), 3, "x"), Some(2));
        assert_eq!(before(&steps(&all), 4, "x"), Some(1));
        all.push((4, 1, [1, 0]));
        assert_eq!(before(&steps(&all), 5, "x"), None);
        // A new change after it is undone first.
        all.push((5, 0, [7, 0]));
        assert_eq!(before(&steps(&all), 6, "x"), Some(5));
    }

    #[test]
    fn a_swap_to_what_was_is_a_change_like_any_other() {
        let all = steps(&[
            (0, 0, [1, 0]),
            (1, 0, [2, 0]),
            (2, 0, [3, 0]),
            (3, 0, [2, 0]),
        ]);
        assert_eq!(before(&all, 4, "x"), Some(3));
    }

    #[test]
    fn going_back_with_one_rule_leaves_the_others_history() {
        let all = steps(&[
            (0, 0, [0, 0]),
            (1, 0, [1, 0]),
            (2, 0, [1, 1]),
            (3, 0, [1, 2]),
            (4, 1, [0, 2]),
        ]);
        assert_eq!(before(&all, 5, "y"), Some(3));
        assert_eq!(before(&all, 5, "x"), None);
        assert_eq!(before(&all, 5, "z"), None);
    }

    #[test]
    fn a_table_that_somebody_wrote_into_ends_the_search() {
        let circle = steps(&[(2, 0, [1, 0]), (1, 0, [1, 0])]);
        assert_eq!(before(&circle, 2, "x"), None);
    }
}
