//! What may become active and how: a file that changed while other hosts live, a file that cannot or must not run, a rule that mends a halted partition, a column that is
//! given up.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gristmill_tests::guests;
use gristmill_tests::job::Job;
use gristmill_tests::process::{Process, wait_until};

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
            .contains("what the pipeline file says is not active"))
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

#[test]
fn a_file_that_gives_up_a_column_without_saying_so_is_not_taken() -> Result<()> {
    let job = Job::new("dropped")?;
    let mut first = job.run()?;
    say(&job, 0..10)?;
    job.edit_pipeline(|text| {
        let rule = text
            .find("[[transform]]\nname = \"enrich-email\"")
            .unwrap_or_default();
        let behind = text.find("[dimension.countries]").unwrap_or_default();
        text[..rule].to_owned() + &text[behind..]
    })?;
    let mut second = job.run()?;
    // As JSON has it.
    let how =
        r#"write it again, or say `retire = [\"email_domain\", \"is_corporate\"]` under [target]"#;
    said(&job, how)?;
    end(&mut first)?;
    // By itself, too.
    end(&mut second)?;
    let mut third = job.run()?;
    say(&job, 10..20)?;
    ensure!(job.log()?.matches(how).count() == 2, "{}", job.explain());
    let stands = "select count(*), max(active_revision), count(staging_revision) from gristmill.revision, gristmill.pipeline";
    ensure!(job.psql(stands)? == "1|1|0", "{}", job.psql(stands)?);
    let domains = "select count(email_domain) from users_enriched";
    ensure!(job.psql(domains)? == "20", "{}", job.explain());

    end(&mut third)?;
    job.edit_pipeline(|text| {
        let retire = "[target]\nretire = [\"email_domain\", \"is_corporate\"]";
        text.replacen("[target]", retire, 1)
    })?;
    let _run = job.run()?;
    say(&job, 20..30)?;
    ensure!(active(&job)? == "2", "{}", job.explain());
    ensure!(job.psql(domains)? == "20", "{}", job.explain());
    ensure!(
        job.log()?
            .contains("no longer written: email_domain, is_corporate")
    );
    Ok(())
}

#[test]
fn a_file_with_an_impure_rule_neither_starts_a_pipeline_nor_changes_one() -> Result<()> {
    let job = Job::new("impure_file")?;
    job.psql("alter table users_enriched add n bigint, add m bigint")?;
    let module = guests::build("impure", env!("CARGO_TARGET_TMPDIR"))?;
    job.edit_pipeline(|text| {
        let rule = format!(
            "[[transform]]\nname = \"impure\"\ncomponent = \"{}\"\nconfig = {{ how = \"calls\" }}\n\n[target]",
            module.display()
        );
        text.replacen("country_code = \"text\" }", "country_code = \"text\", n = \"int64\" }", 1)
            .replacen("[target]", &rule, 1)
    })?;
    let sentence = "transform `impure` is no pure function of its rows";
    let refused = job.gristmill(&["check", "users.toml"]).err();
    let refused = format!("{:#}", refused.context("it was taken")?);
    ensure!(
        refused.contains(sentence) && refused.contains("keep nothing between rows"),
        "{refused}"
    );
    let mut run = job.run()?;
    ensure!(!run.wait(SOON)?.success(), "{}", job.explain());
    ensure!(job.log()?.contains(sentence), "{}", job.explain());
    let known = "select count(*) from gristmill.pipeline";
    ensure!(job.psql(known)? == "0");

    job.edit_pipeline(|text| text.replace("\"calls\"", "\"not\""))?;
    job.gristmill(&["check", "users.toml"])?;
    run = job.run()?;
    say(&job, 0..10)?;
    end(&mut run)?;
    job.edit_pipeline(|text| text.replace("\"not\"", "\"place\""))?;
    let _run = job.run()?;
    say(&job, 10..20)?;
    said(
        &job,
        "what the pipeline file says is not active: transform `impure` is no pure function",
    )?;
    ensure!(active(&job)? == "1", "{}", job.explain());
    ensure!(job.psql("select count(*) from gristmill.revision")? == "1");
    Ok(())
}

/// Ends a host as a person does, so that it does not count as alive.
fn end(run: &mut Process) -> Result<()> {
    run.signal("TERM")?;
    let status = run.wait(SOON)?;
    ensure!(status.success(), "{status}");
    Ok(())
}

/// Waits until some host has logged it.
fn said(job: &Job, text: &str) -> Result<()> {
    wait_until(text, SOON, || Ok(job.log()?.contains(text))).with_context(|| job.explain())
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
