//! One partition runs a revision before the others do.

use anyhow::{Result, ensure};
use gristmill_tests::job::Job;
use gristmill_tests::program::refusal;
use gristmill_tests::rules::corporate;
use serde_json::json;

use super::counts;
use crate::started;

#[test]
fn a_canary_runs_on_its_partition_is_promoted_and_fails_alone() -> Result<()> {
    let job = Job::new("canary")?;
    let _run = started(&job)?;
    let rules = json!({ "corporate_domains": ["good.example"] });
    job.swap_flawed(&rules, &["--canary", "1"])?;
    let corporate = |id: i32| {
        job.psql(&format!(
            "select is_corporate from users_enriched where user_id = {id}"
        ))
    };
    // With the first record that a partition reads after it was told, and from the second batch on
    // for sure.
    for partition in [0, 1] {
        job.users_done(partition, 10..11, "none.example")?;
        job.users_done(partition, 20 + partition..21 + partition, "good.example")?;
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
    let second = refusal(job.swap_flawed(&rules, &[]))?;
    ensure!(second.contains("a canary runs"), "{second}");

    job.transform("promote", &[])?;
    job.users_done(0, 30..31, "none.example")?;
    job.users_done(0, 31..32, "good.example")?;
    ensure!(corporate(31)? == "t", "{}", job.explain());

    let nowhere = refusal(job.swap_flawed(&json!({}), &["--canary", "7"]))?;
    ensure!(nowhere.contains("there is no partition 7"), "{nowhere}");

    // What fails on the canary's partition gives the canary up; by hand, `rollback` does.
    job.swap_flawed(&json!({ "panics_on": ["bad.example"] }), &["--canary", "0"])?;
    job.users_done(0, 40..41, "none.example")?;
    job.users_done(0, 41..42, "bad.example")?;
    ensure!(job.active()? == 2, "{}", job.explain());
    ensure!(job.psql("select staging_revision is null from gristmill.pipeline")? == "t");
    ensure!(job.letters()? == 0, "{}", job.explain());
    job.swap_flawed(
        &json!({ "corporate_domains": ["none.example"] }),
        &["--canary", "0"],
    )?;
    let given_up = job.roll_back()?;
    ensure!(given_up.contains("is given up"), "{given_up}");
    let history = job.transform("history", &[])?;
    ensure!(
        history.contains("rolled back by itself") && history.contains("given up by"),
        "{history}"
    );
    Ok(())
}

#[test]
fn with_both_flags_a_canary_follows_the_comparison() -> Result<()> {
    let job = Job::new("shadow_canary")?;
    let _run = job.run()?;
    job.users_on_both_done(0..20, "good.example")?;
    let config = corporate("good.example");
    let flags = ["--shadow", "50", "--canary", "1"];
    let report = job.under_users(|| job.swap("builtin:enrich-email", &config, &flags))?;
    let (compared, differ) = counts(&report)?;
    ensure!(compared >= 50 && differ == compared, "{report}");
    ensure!(report.contains("partition 1 runs revision 2"), "{report}");
    ensure!(!report.contains("is staged and ready"), "{report}");
    job.wait_until_caught_up()?;
    job.users_in_two_batches(900_000..900_040, "good.example")?;
    let ran = job.psql(
        "select distinct gristmill.partition_of(_gm_version), _gm_revision, is_corporate
        from users_enriched where user_id >= 900020 order by 1",
    )?;
    ensure!(ran == "0|1|f\n1|2|t", "{ran}\n{}", job.explain());
    ensure!(job.active()? == 1);
    job.transform("promote", &[])?;
    ensure!(job.active()? == 2);
    Ok(())
}
