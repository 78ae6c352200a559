//! Going back to what a rule was.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use gristmill_postgres::fleet::history::{self, DatedRevision};
use serde::Serialize;

use crate::definition::bundle::Bundle;
use crate::definition::spec::Spec;

use super::change_progress::{Spread, Tell};
use super::proved_change::StageResult;
use super::running_pipeline::{FAILED, RunningPipeline, WantedChange};

/// What a rollback came to.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum RolledBack {
    /// What was staged is given up; what was active stays so.
    GaveUp {
        revision: i32,
        /// How far the partition of a canary is back.
        spread: Option<Spread>,
    },
    /// The active revision has the rule as it was already.
    Same { active: i32 },
    /// A revision with the earlier rule is active.
    Active { revision: i32, spread: Spread },
}

/// Gives up what is staged for `rule`, or else makes the rule what it was before its last change.
/// An error where that change failed, so that it is undone already, unless `further` is set.
pub async fn rollback(
    running: &mut RunningPipeline,
    rule: &str,
    further: bool,
    patience: Duration,
    tell: Tell<'_>,
) -> Result<RolledBack> {
    if let Some((revision, spread)) = running.give_up_staged(rule, tell).await? {
        return Ok(RolledBack::GaveUp { revision, spread });
    }
    let (bundle, earlier) = restored(running, rule, further).await?;
    // Columns that only the newer rule wrote stay in the table.
    let written = running.active.fields().iter().map(|f| f.name.clone());
    let change = WantedChange {
        bundle,
        retire: &written.collect::<Vec<_>>(),
        reason: &format!("rollback {rule} to what it was in revision {earlier}"),
        restores: Some(earlier),
        evolves: false,
        patience,
    };
    Ok(match running.stage(change, tell).await? {
        StageResult::Ready(revision) => RolledBack::Active {
            revision,
            spread: running.activate(revision, tell).await?,
        },
        StageResult::Same => RolledBack::Same {
            active: running.active_revision(),
        },
    })
}

/// The active definition with the rule as it was, and the revision that it was so in.
async fn restored(running: &RunningPipeline, rule: &str, further: bool) -> Result<(Bundle, i32)> {
    let (connection, opened) = (&running.connection, &running.opened);
    let mut bundle = running.active.bundle();
    let position = bundle.position(rule)?;
    let made = history::revisions(connection, opened.name()).await?;
    let steps: Vec<Step> = made.iter().map(Step::of).collect::<Result<_>>()?;
    if !further && let Some(failed) = failed(&steps, running.rollout.active, rule) {
        bail!(
            "the last change of `{rule}`, revision {failed}, did not stay: what it was before is \
             active, and nothing is left to take back. To go back behind that, say --further"
        );
    }
    let earlier = before(&steps, running.rollout.active, rule);
    let earlier = earlier.with_context(|| {
        format!(
            "there is nothing to go back to: `{rule}` has been as it is now in every revision \
             before the active one"
        )
    })?;
    let then = Bundle::stored(connection, &opened.config, earlier).await?;
    let was = then.position(rule)?;
    bundle.components[position] = then.components[was].clone();
    bundle.config.transform[position] = then.config.transform[was].clone();
    Ok((bundle, earlier))
}

/// A revision, as far as it matters to whoever goes back.
struct Step {
    revision: i32,
    based_on: Option<i32>,
    restores: Option<i32>,
    has_failed: bool,
    spec: Spec,
}

impl Step {
    fn of(made: &DatedRevision) -> Result<Self> {
        Ok(Self {
            revision: made.revision.revision,
            based_on: made.based_on,
            restores: made.restores,
            has_failed: made.revision.state == FAILED,
            spec: Spec::from_stored(&made.revision.spec)?,
        })
    }
}

/// The revision that was to change the active rule called `name` and failed, so that the rule is as
/// it was before.
fn failed(steps: &[Step], active: i32, name: &str) -> Option<i32> {
    let step = |number: i32| steps.iter().find(|s| s.revision == number);
    let now = step(active)?;
    let rule = now.spec.rule(name);
    let found = steps.iter().rev().find(|s| {
        let is_undone = s.revision > active || now.based_on == Some(s.revision);
        let base = s.based_on.and_then(step);
        let from_now = base.is_some_and(|base| base.spec.rule(name) == rule);
        s.has_failed && is_undone && from_now && s.spec.rule(name) != rule
    });
    found.map(|step| step.revision)
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
        let rule =
            |name: &str, n: i32| json!({ "name": name, "digest": "d", "config": n, "limits": {} });
        let number = |n: i32| (n > 0).then_some(n);
        let step = |(revision, (based_on, restores, [x, y])): (i32, &(i32, i32, [i32; 2]))| {
            let spec = json!({
                "pipeline": {"name": "p"},
                "topic": "t",
                "on_gap": "halt",
                "tombstone": "ignore",
                "record_max_bytes": 1,
                "transforms": [rule("x", *x), rule("y", *y)],
                "dimensions": {},
                "target": "t",
            });
            Step {
                revision,
                based_on: number(*based_on),
                restores: number(*restores),
                has_failed: false,
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
    fn a_failed_change_is_undone_already() {
        // A, B, and C failed: B is active, alone or by a revision that took it back.
        let mut all = steps(&[
            (0, 0, [1, 0]),
            (1, 0, [2, 0]),
            (2, 0, [3, 0]),
            (3, 2, [2, 0]),
        ]);
        assert_eq!(failed(&all, 2, "x"), None);
        all[2].has_failed = true;
        assert_eq!(failed(&all, 2, "x"), Some(3));
        assert_eq!(failed(&all, 4, "x"), Some(3));
        assert_eq!(failed(&all, 2, "y"), None);
        // D after it is a change of its own, to be taken back.
        let mut all = steps(&[
            (0, 0, [1, 0]),
            (1, 0, [2, 0]),
            (1, 0, [3, 0]),
            (1, 0, [4, 0]),
        ]);
        all[2].has_failed = true;
        assert_eq!(failed(&all, 4, "x"), None);
        assert_eq!(before(&all, 4, "x"), Some(1));
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
