//! Several pipelines in one process.

use anyhow::Result;
use gristmill_tests::job::Job;
use gristmill_tests::program::printed;

/// A job whose file names its database itself, so that another job's process can run it.
fn named(name: &str) -> Result<Job<'static>> {
    let job = Job::new(name)?;
    let url = job.postgres.database_url(name);
    job.edit_pipeline(|text| {
        let variable = text
            .split('"')
            .find(|part| part.starts_with("${DATABASE_URL"));
        text.replace(variable.unwrap_or_default(), &url)
    })?;
    Ok(job)
}

#[test]
fn two_files_run_in_one_process_and_one_that_cannot_begin_stops_no_other() -> Result<()> {
    let (first, second) = (Job::new("many_first")?, named("many_second")?);
    second.psql("alter table users_enriched rename to elsewhere")?;
    first.users_on_both(0..10, "good.example")?;
    second.users_on_both(0..20, "good.example")?;
    let run = first.run_files(&[&first.file(), &second.file()])?;
    first.wait_until_caught_up()?;
    first.wait_until_logged("the pipeline does not begin")?;
    second.psql("alter table elsewhere rename to users_enriched")?;
    second.wait_until_caught_up()?;
    first.check()?;
    second.check()?;
    // The same process owns the partitions of both.
    let owner = "select min(owner) from gristmill.checkpoint";
    assert_eq!(first.psql(owner)?, second.psql(owner)?);
    drop(run);
    Ok(())
}

#[test]
fn a_pipeline_that_halts_stops_no_other() -> Result<()> {
    let (first, second) = (Job::new("many_halts")?, named("many_goes_on")?);
    let _run = first.run_files(&[&first.file(), &second.file()])?;
    first.users_on_both_done(0..10, "good.example")?;
    second.users_on_both_done(0..10, "good.example")?;
    first.psql(
        "alter table users_enriched add column region text not null default 'x';
        alter table users_enriched alter column region drop default",
    )?;
    first.users_on_both(10..20, "good.example")?;
    first.wait_until_halted(2)?;
    second.users_on_both_done(10..20, "good.example")?;
    assert_eq!(second.halted()?, 0);
    second.check()
}

#[test]
fn a_pipeline_that_is_in_two_files_is_refused() -> Result<()> {
    let job = Job::new("many_same")?;
    let run = job
        .command(&["run", "users.toml", "users.toml"])?
        .output()?;
    let (code, said) = printed(run);
    assert_eq!(code, Some(1), "{said}");
    let why = "two files hold the pipeline many_same: give each a name of its own";
    assert!(said.contains(why), "{said}");
    Ok(())
}
