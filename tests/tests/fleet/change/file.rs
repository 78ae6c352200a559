//! A pipeline file that changed: staged while other hosts live, and not taken when it cannot or
//! must not run.

use anyhow::{Result, ensure};
use gristmill_tests::job::Job;
use gristmill_tests::process::Process;
use gristmill_tests::program::refusal;
use gristmill_tests::rules::SHIPPED;
use gristmill_tests::wait::SOON;

#[test]
fn a_file_that_changed_is_staged_on_the_hosts_that_live_and_one_that_cannot_run_stops_nobody()
-> Result<()> {
    let job = Job::new("proposals")?;
    let _first = job.run()?;
    job.users_on_both_done(0..10, "good.example")?;
    job.edit_pipeline(|text| text.replace(SHIPPED, r#"corporate_domains = ["good.example"]"#))?;
    let mut second = job.run()?;
    job.wait_until_active(2)?;
    job.users_in_two_batches(10..30, "good.example")?;
    let corporate = "select count(*) from users_enriched where user_id >= 20 and is_corporate";
    ensure!(job.number(corporate)? == 10, "{}", job.explain());
    let hosts = "select count(*) from gristmill.host where pipeline = 'proposals'";
    let hosts = job.number(hosts)?;
    ensure!(hosts == 2, "{hosts} hosts\n{}", job.explain());

    second.kill()?;
    job.edit_pipeline(|text| text.replace("builtin:enrich-email", "nothing.wasm"))?;
    let _third = job.run()?;
    job.wait_until_logged("what the pipeline file says is not active")?;
    job.users_on_both_done(30..40, "good.example")?;
    ensure!(job.active()? == 2, "{}", job.explain());
    ensure!(job.rows()? == 40);
    Ok(())
}

#[test]
fn a_file_that_gives_up_a_column_without_saying_so_is_not_taken() -> Result<()> {
    let job = Job::new("dropped")?;
    let mut first = job.run()?;
    job.users_on_both_done(0..10, "good.example")?;
    job.edit_pipeline(|text| {
        let rule = text
            .find("[[transform]]\nname = \"enrich-email\"")
            .unwrap_or_default();
        let behind = text.find("[dimension.countries]").unwrap_or_default();
        text[..rule].to_owned() + &text[behind..]
    })?;
    let mut second = job.run()?;
    // As JSON has it.
    let how = r#"write it again, or say `retire = [\"email_domain\", \"is_corporate\"]` "#;
    let how = format!("{how}under [target]");
    job.wait_until_logged(&how)?;
    end(&mut first)?;
    // A host that runs alone does not take it, either.
    end(&mut second)?;
    let mut third = job.run()?;
    job.users_on_both_done(10..20, "good.example")?;
    ensure!(job.log()?.matches(&how).count() == 2, "{}", job.explain());
    let revisions = job.psql(
        "select count(*), max(active_revision), count(staging_revision)
        from gristmill.revision, gristmill.pipeline",
    )?;
    ensure!(revisions == "1|1|0", "{revisions}");
    let domains = "select count(email_domain) from users_enriched";
    ensure!(job.number(domains)? == 20, "{}", job.explain());

    end(&mut third)?;
    job.edit_pipeline(|text| {
        let retire = "[target]\nretire = [\"email_domain\", \"is_corporate\"]";
        text.replacen("[target]", retire, 1)
    })?;
    let _run = job.run()?;
    job.users_on_both_done(20..30, "good.example")?;
    ensure!(job.active()? == 2, "{}", job.explain());
    ensure!(job.number(domains)? == 20, "{}", job.explain());
    ensure!(
        job.log()?
            .contains("no longer written: email_domain, is_corporate")
    );
    Ok(())
}

#[test]
fn a_file_with_an_impure_rule_neither_starts_a_pipeline_nor_changes_one() -> Result<()> {
    let job = Job::new("impure_file")?;
    job.add_impure("{ how = \"calls\" }")?;
    let sentence = "transform `impure` is no pure function of its rows";
    let refused = refusal(job.gristmill(&["check", "users.toml"]))?;
    ensure!(
        refused.contains(sentence) && refused.contains("keep nothing between rows"),
        "{refused}"
    );
    let mut run = job.run()?;
    ensure!(!run.wait(SOON)?.success(), "{}", job.explain());
    ensure!(job.log()?.contains(sentence), "{}", job.explain());
    ensure!(job.number("select count(*) from gristmill.pipeline")? == 0);

    job.edit_pipeline(|text| text.replace("\"calls\"", "\"not\""))?;
    job.gristmill(&["check", "users.toml"])?;
    run = job.run()?;
    job.users_on_both_done(0..10, "good.example")?;
    end(&mut run)?;
    job.edit_pipeline(|text| text.replace("\"not\"", "\"place\""))?;
    let _run = job.run()?;
    job.users_on_both_done(10..20, "good.example")?;
    job.wait_until_logged(
        "what the pipeline file says is not active: transform `impure` is no pure function",
    )?;
    ensure!(job.active()? == 1, "{}", job.explain());
    ensure!(job.number("select count(*) from gristmill.revision")? == 1);
    Ok(())
}

/// Ends a host as a person does, so that it does not count as alive.
fn end(run: &mut Process) -> Result<()> {
    run.signal("TERM")?;
    let status = run.wait(SOON)?;
    ensure!(status.success(), "{status}");
    Ok(())
}
