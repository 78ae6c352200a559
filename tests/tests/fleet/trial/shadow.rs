//! A staged revision beside the active one on live records: what differs is shown before anything
//! of it is written, and who asked decides.

use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use gristmill_tests::job::Job;
use gristmill_tests::program::refusal;
use serde_json::{Value, json};

use super::counts;

#[test]
fn what_differs_is_shown_before_it_is_written_and_promoted_by_hand() -> Result<()> {
    let job = Job::new("shadow")?;
    let good = json!({ "corporate_domains": ["good.example"] });
    let lonely = refusal(shadow(&job, &good, "100"))?;
    ensure!(lonely.contains("has never run"), "{lonely}");
    let mut run = job.run()?;
    job.users_on_both_done(0..20, "good.example")?;

    let report = job.under_users(|| shadow(&job, &good, "100"))?;
    let (compared, differ) = counts(&report)?;
    ensure!(
        compared >= 100 && differ == compared,
        "{compared} and {differ} in\n{report}"
    );
    ensure!(
        report.contains("is_corporate") && !report.contains("email_domain"),
        "{report}"
    );
    ensure!(
        report.contains("revision 2 is staged and ready"),
        "{report}"
    );
    job.wait_until_caught_up()?;
    let written = "select count(*) from users_enriched where is_corporate or _gm_revision <> 1";
    ensure!(job.number(written)? == 0, "{}", job.explain());
    let history = job.transform("history", &[])?;
    ensure!(history.contains("revision 2 is being staged"), "{history}");
    job.transform("promote", &[])?;
    ensure!(job.active()? == 2);

    // A rule that does the same.
    let same = json!({ "corporate_domains": ["good.example", "other.example"] });
    let report = job.under_users(|| shadow(&job, &same, "50"))?;
    let (compared, differ) = counts(&report)?;
    ensure!(compared >= 50 && differ == 0, "{report}");
    let given_up = job.roll_back()?;
    ensure!(given_up.contains("revision 3 is given up"), "{given_up}");
    ensure!(job.active()? == 2);

    run.kill()?;
    // Longer than a heartbeat lasts.
    thread::sleep(Duration::from_secs(11));
    let lonely = refusal(shadow(&job, &same, "100"))?;
    ensure!(lonely.contains("no host runs the pipeline"), "{lonely}");
    Ok(())
}

#[test]
fn rows_that_would_fail_are_counted_and_a_rule_that_fails_on_all_is_given_up() -> Result<()> {
    let job = Job::new("shadow_flawed")?;
    let _run = job.run()?;
    job.users_on_both_done(0..20, "good.example")?;
    let rejects = json!({ "rejects": ["good.example"] });
    let report = job.under_users(|| shadow(&job, &rejects, "30"))?;
    ensure!(
        report.contains("rows fewer") && report.contains("disliked"),
        "{report}"
    );
    let panics = json!({ "panics_on": ["good.example"] });
    let refused = refusal(job.under_users(|| shadow(&job, &panics, "30")))?;
    ensure!(
        refused.contains("is given up, nothing has changed")
            && refused.contains("a domain to panic on"),
        "{refused}"
    );
    job.wait_until_caught_up()?;
    let states = job.states()?;
    ensure!(states == "active\nretired\nfailed", "{states}");
    let letters = job.letters()?;
    ensure!(letters == 0, "{letters} dead letters\n{}", job.explain());
    ensure!(job.halted()? == 0, "{}", job.explain());
    Ok(())
}

/// Swaps the flawed guest in beside what is active, to be compared on so many rows.
fn shadow(job: &Job, config: &Value, rows: &str) -> Result<String> {
    job.swap_flawed(config, &["--shadow", rows])
}
