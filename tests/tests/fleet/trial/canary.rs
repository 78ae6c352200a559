//! One partition runs a revision before the others do.

use anyhow::{Context, Result, ensure};
use gristmill_tests::job::Job;
use serde_json::json;

use crate::fallback::{active, say, started, swap};

#[test]
fn a_canary_runs_on_its_partition_is_promoted_and_fails_alone() -> Result<()> {
    let job = Job::new("canary")?;
    let _run = started(&job)?;
    let rules = json!({ "corporate_domains": ["good.example"] });
    swap(&job, &rules, &["--canary", "1"])?;
    let corporate = |id: i32| {
        job.psql(&format!(
            "select is_corporate from users_enriched where user_id = {id}"
        ))
    };
    // With the first record that a partition reads after it was told, and from the second batch on for sure.
    for partition in [0, 1] {
        say(&job, partition, 10..11, "none.example")?;
        say(
            &job,
            partition,
            20 + partition..21 + partition,
            "good.example",
        )?;
    }
    ensure!(
        corporate(20)? == "f",
        "partition 0 runs it\n{}",
        job.explain()
    );
    ensure!(
        corporate(21)? == "t",
        "partition 1 does not\n{}",
        job.explain()
    );
    let second = swap(&job, &rules, &[])
        .err()
        .context("a second change while a canary runs")?;
    ensure!(
        format!("{second:#}").contains("a canary runs"),
        "{second:#}"
    );

    job.transform(&["promote"])?;
    say(&job, 0, 30..31, "none.example")?;
    say(&job, 0, 31..32, "good.example")?;
    ensure!(corporate(31)? == "t", "{}", job.explain());

    let nowhere = swap(&job, &json!({}), &["--canary", "7"]).err();
    let nowhere = format!("{:#}", nowhere.context("a partition that is not there")?);
    ensure!(nowhere.contains("there is no partition 7"), "{nowhere}");

    // What fails on the canary's partition gives the canary up; by hand, `rollback` does.
    swap(
        &job,
        &json!({ "panics_on": ["bad.example"] }),
        &["--canary", "0"],
    )?;
    say(&job, 0, 40..41, "none.example")?;
    say(&job, 0, 41..42, "bad.example")?;
    ensure!(active(&job)? == "2", "{}", job.explain());
    ensure!(job.psql("select staging_revision is null from gristmill.pipeline")? == "t");
    ensure!(
        job.psql("select count(*) from gristmill.dead_letter")? == "0",
        "{}",
        job.explain()
    );
    swap(
        &job,
        &json!({ "corporate_domains": ["none.example"] }),
        &["--canary", "0"],
    )?;
    let given_up = job.transform(&["rollback", "enrich-email"])?;
    ensure!(given_up.contains("is given up"), "{given_up}");
    let history = job.transform(&["history"])?;
    ensure!(
        history.contains("rolled back by itself") && history.contains("given up by"),
        "{history}"
    );
    Ok(())
}
