//! What a host runs that starts after a swap.

use anyhow::{Context, Result, ensure};
use gristmill_tests::job::Job;
use gristmill_tests::program::refusal;

use crate::revisions;

#[test]
fn what_cannot_run_is_refused_and_a_restart_runs_what_is_active() -> Result<()> {
    let job = Job::new("refused_swaps")?;
    let mut run = job.run()?;
    job.generate(1_000, 500, 1)?;
    job.wait_until_caught_up()?;
    let folder = tempfile::tempdir()?;
    let none = folder.path().join("none.json");
    std::fs::write(&none, "{}")?;
    let none = none.to_str().context("a path")?;
    let refused = |arguments: &[&str], why: &str| -> Result<()> {
        let error = refusal(job.transform("swap", arguments))?;
        ensure!(error.contains(why), "{error} does not say: {why}");
        Ok(())
    };
    refused(
        &["enrich-mail", "builtin:enrich-email"],
        "it has normalize-cdc, enrich-country, enrich-email",
    )?;
    refused(
        &["enrich-email", "builtin:enrich-country", "--config", none],
        "writes already",
    )?;
    refused(
        &["enrich-email", "builtin:enrich-weekday"],
        "with --config FILE",
    )?;
    refused(&["enrich-country", "builtin:enrich-locale"], "locales")?;
    refused(&["enrich-email", "nothing.wasm"], "nothing.wasm")?;
    ensure!(job.active()? == 1);
    let gmail = r#"{"corporate_domains": ["gmail.com"]}"#;
    job.swap("builtin:enrich-email", gmail, &[])?;
    run.kill()?;
    let mut run = job.run()?;
    job.generate(1_000, 500, 2)?;
    job.wait_until_caught_up()?;
    ensure!(
        job.log()?.contains(
            "the file says otherwise: what it says of that has not changed since it was last read"
        ),
        "{}",
        job.explain()
    );
    let running = job.psql("select distinct revision from gristmill.checkpoint")?;
    ensure!(running == "2", "revision {running} runs\n{}", job.explain());
    revisions::check(&job)?;
    run.kill()?;
    job.edit_pipeline(|text| {
        text.replace("watermark_delay_ms = 10_000", "watermark_delay_ms = 12_000")
    })?;
    let _run = job.run()?;
    job.wait_until_logged("takes back what revision 2 has of enrich-email (swap enrich-email")
}
