//! What may become active and how: a file that changed while other hosts live, a file that cannot run, a rule that mends a halted partition, a column that is given up.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gristmill_tests::guests;
use gristmill_tests::job::Job;
use gristmill_tests::process::wait_until;

const SOON: Duration = Duration::from_secs(60);
const SHIPPED: &str = r#"corporate_domains = ["contoso.com", "autodesk.com", "company.com"]"#;

#[test]
fn a_file_that_changed_is_staged_on_the_hosts_that_live_and_one_that_cannot_run_stops_nobody()
-> Result<()> {
    let job = Job::new("proposals")?;
    let _first = job.run()?;
    say(&job, 0..10)?;
    job.edit_pipeline(|text| text.replace(SHIPPED, r#"corporate_domains = ["good.example"]"#))?;
    let mut second = job.run()?;
    wait_until("what the file says to be active", SOON, || {
        Ok(active(&job)? == "2")
    })
    .with_context(|| job.explain())?;
    // Two batches: each partition has heard of it by the second.
    say(&job, 10..20)?;
    say(&job, 20..30)?;
    let corporate = "select count(*) from users_enriched where user_id >= 20 and is_corporate";
    ensure!(job.psql(corporate)? == "10", "{}", job.explain());
    let answered = job.psql("select count(*) from gristmill.host where pipeline = 'proposals'")?;
    ensure!(answered == "2", "{answered} hosts\n{}", job.explain());

    second.kill()?;
    job.edit_pipeline(|text| text.replace("builtin:enrich-email", "nothing.wasm"))?;
    let _third = job.run()?;
    wait_until("the third host to say what is wrong", SOON, || {
        Ok(job
            .log()?
            .contains("what the pipeline file says cannot run"))
    })
    .with_context(|| job.explain())?;
    say(&job, 30..40)?;
    ensure!(active(&job)? == "2", "{}", job.explain());
    ensure!(job.psql("select count(*) from users_enriched")? == "40");
    Ok(())
}

#[test]
fn a_partition_that_its_rule_halted_goes_on_when_a_mended_one_is_swapped_in() -> Result<()> {
    let job = Job::new("mended")?;
    let flawed = guests::build("flawed", env!("CARGO_TARGET_TMPDIR"))?;
    job.edit_pipeline(|text| {
        text.replace("builtin:enrich-email", &flawed.display().to_string())
            .replace(SHIPPED, r#"panics_on = ["good.example"]"#)
    })?;
    let _run = job.run()?;
    job.users(0, 0..50, "good.example")?;
    job.users(1, 50..100, "good.example")?;
    let halted = "select count(*) from gristmill.checkpoint where state = 'halted'";
    wait_until("both partitions to halt", SOON, || {
        Ok(job.psql(halted)? == "2")
    })
    .with_context(|| job.explain())?;
    ensure!(job.psql("select count(*) from users_enriched")? == "0");
    job.swap("builtin:enrich-email", "{}", &[])?;
    job.wait_until_caught_up()?;
    ensure!(job.psql("select count(*) from users_enriched")? == "100");
    ensure!(job.psql(halted)? == "0", "{}", job.explain());
    Ok(())
}

#[test]
fn a_column_is_given_up_only_by_name_and_keeps_its_values() -> Result<()> {
    let job = Job::new("retired")?;
    let _run = job.run()?;
    say(&job, 0..10)?;
    let empty = guests::build("empty", env!("CARGO_TARGET_TMPDIR"))?;
    let empty = empty.to_str().context("a path")?;
    let config = r#"{"reads": []}"#;
    let refused = job.swap(empty, config, &[]).err();
    let refused = format!("{:#}", refused.context("it was accepted")?);
    ensure!(
        refused.contains("--retire email_domain --retire is_corporate"),
        "{refused}"
    );
    ensure!(active(&job)? == "1");
    let named = ["--retire", "email_domain", "--retire", "is_corporate"];
    let said = job.swap(empty, config, &named)?;
    ensure!(
        said.contains("no longer written: email_domain, is_corporate"),
        "{said}"
    );
    say(&job, 10..20)?;
    say(&job, 20..30)?;
    let domains = "select count(email_domain) filter (where user_id < 10), count(email_domain) filter (where user_id >= 20) from users_enriched";
    ensure!(job.psql(domains)? == "10|0", "{}", job.explain());
    // Back again, the columns are written again.
    job.transform(&["rollback", "enrich-email"])?;
    say(&job, 30..40)?;
    say(&job, 40..50)?;
    let written = job.psql("select count(email_domain) from users_enriched where user_id >= 40")?;
    ensure!(written == "10", "{written}\n{}", job.explain());
    Ok(())
}

/// Users on both partitions, written when this returns.
fn say(job: &Job, ids: std::ops::Range<i32>) -> Result<()> {
    let half = ids.start + ids.len() as i32 / 2;
    job.users(0, ids.start..half, "good.example")?;
    job.users(1, half..ids.end, "good.example")?;
    job.wait_until_caught_up()
}

fn active(job: &Job) -> Result<String> {
    job.psql("select active_revision from gristmill.pipeline")
}
