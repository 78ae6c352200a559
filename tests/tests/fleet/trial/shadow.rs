//! A staged revision beside the active one on live records: what differs is shown before anything of it is written, and who asked decides.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gristmill_tests::guests;
use gristmill_tests::job::Job;
use serde_json::{Value, json};

#[test]
fn what_differs_is_shown_before_it_is_written_and_promoted_by_hand() -> Result<()> {
    let job = Job::new("shadow")?;
    let good = json!({ "corporate_domains": ["good.example"] });
    let lonely = swap(&job, &good, "100").err();
    let lonely = format!("{:#}", lonely.context("nobody runs it")?);
    ensure!(lonely.contains("has never run"), "{lonely}");
    let mut run = job.run()?;
    say(&job, 0)?;
    job.wait_until_caught_up()?;

    let report = under_load(&job, || swap(&job, &good, "100"))?;
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
    ensure!(job.psql(written)? == "0", "{}", job.explain());
    let history = job.transform(&["history"])?;
    ensure!(history.contains("revision 2 is being staged"), "{history}");
    job.transform(&["promote"])?;
    ensure!(job.psql("select active_revision from gristmill.pipeline")? == "2");

    // A rule that does the same.
    let same = json!({ "corporate_domains": ["good.example", "other.example"] });
    let report = under_load(&job, || swap(&job, &same, "50"))?;
    let (compared, differ) = counts(&report)?;
    ensure!(compared >= 50 && differ == 0, "{report}");
    let given_up = job.transform(&["rollback", "enrich-email"])?;
    ensure!(given_up.contains("revision 3 is given up"), "{given_up}");
    ensure!(job.psql("select active_revision from gristmill.pipeline")? == "2");

    run.kill()?;
    // Longer than a heartbeat lasts.
    thread::sleep(Duration::from_secs(11));
    let lonely = swap(&job, &same, "100").err();
    let lonely = format!("{:#}", lonely.context("nobody runs it")?);
    ensure!(lonely.contains("no host runs the pipeline"), "{lonely}");
    Ok(())
}

#[test]
fn rows_that_would_fail_are_counted_and_a_rule_that_fails_on_all_is_given_up() -> Result<()> {
    let job = Job::new("shadow_flawed")?;
    let _run = job.run()?;
    say(&job, 0)?;
    job.wait_until_caught_up()?;
    let rejects = json!({ "rejects": ["good.example"] });
    let report = under_load(&job, || swap(&job, &rejects, "30"))?;
    ensure!(
        report.contains("rows fewer") && report.contains("disliked"),
        "{report}"
    );
    let panics = json!({ "panics_on": ["good.example"] });
    let refused = under_load(&job, || swap(&job, &panics, "30")).err();
    let refused = format!("{:#}", refused.context("it was staged")?);
    ensure!(
        refused.contains("is given up, nothing has changed")
            && refused.contains("a domain to panic on"),
        "{refused}"
    );
    job.wait_until_caught_up()?;
    let states = job.psql("select state from gristmill.revision order by revision")?;
    ensure!(states == "active\nretired\nfailed", "{states}");
    let letters = job.psql("select count(*) from gristmill.dead_letter")?;
    ensure!(letters == "0", "{letters} dead letters\n{}", job.explain());
    let halted = job.psql("select count(*) from gristmill.checkpoint where state = 'halted'")?;
    ensure!(halted == "0", "{}", job.explain());
    Ok(())
}

#[test]
fn with_both_flags_a_canary_follows_the_comparison() -> Result<()> {
    let job = Job::new("shadow_canary")?;
    let _run = job.run()?;
    say(&job, 0)?;
    job.wait_until_caught_up()?;
    let config = json!({ "corporate_domains": ["good.example"] }).to_string();
    let flags = ["--shadow", "50", "--canary", "1"];
    let report = under_load(&job, || job.swap("builtin:enrich-email", &config, &flags))?;
    let (compared, differ) = counts(&report)?;
    ensure!(compared >= 50 && differ == compared, "{report}");
    ensure!(report.contains("partition 1 runs revision 2"), "{report}");
    ensure!(!report.contains("is staged and ready"), "{report}");
    job.wait_until_caught_up()?;
    // By the second batch for sure.
    for from in [900_000, 900_020] {
        say(&job, from)?;
        job.wait_until_caught_up()?;
    }
    let ran = "select distinct _gm_partition, _gm_revision, is_corporate from users_enriched where user_id >= 900020 order by 1";
    let ran = job.psql(ran)?;
    ensure!(ran == "0|1|f\n1|2|t", "{ran}\n{}", job.explain());
    ensure!(job.psql("select active_revision from gristmill.pipeline")? == "1");
    job.transform(&["promote"])?;
    ensure!(job.psql("select active_revision from gristmill.pipeline")? == "2");
    Ok(())
}

/// Writes users while `work` goes on.
fn under_load(job: &Job, work: impl FnOnce() -> Result<String> + Send) -> Result<String> {
    thread::scope(|scope| {
        let work = scope.spawn(work);
        let mut from = 1_000;
        while !work.is_finished() {
            say(job, from)?;
            from += 20;
            thread::sleep(Duration::from_millis(100));
        }
        work.join().expect("no panic")
    })
}

/// Twenty users from `from` on, on both partitions, all of one domain.
fn say(job: &Job, from: i32) -> Result<()> {
    job.users(0, from..from + 10, "good.example")?;
    job.users(1, from + 10..from + 20, "good.example")
}

fn swap(job: &Job, config: &Value, rows: &str) -> Result<String> {
    let flawed = guests::build("flawed", env!("CARGO_TARGET_TMPDIR"))?;
    let flawed = flawed.to_str().context("a path")?;
    job.swap(flawed, &config.to_string(), &["--shadow", rows])
}

/// Rows compared, and of them those that differ.
fn counts(report: &str) -> Result<(u64, u64)> {
    let count = |what: &str| -> Result<u64> {
        let line = report.lines().find(|line| line.ends_with(what));
        let line = line.with_context(|| format!("no `{what}` in\n{report}"))?;
        Ok(line
            .split_whitespace()
            .next()
            .context("a number")?
            .parse()?)
    };
    Ok((count("rows compared")?, count("of them differ")?))
}
