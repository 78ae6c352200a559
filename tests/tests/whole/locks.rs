//! Locks that others hold on the target.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};
use gristmill_postgres::wire::connection::Database;
use gristmill_tests::job::Job;
use gristmill_tests::program::printed;

#[tokio::test(flavor = "multi_thread")]
async fn a_flush_says_once_who_holds_its_rows_and_goes_on_when_they_are_free() -> Result<()> {
    let job = Job::new("locked_rows")?;
    let mut run = job.run()?;
    job.users_done(0, 0..4, "good.example")?;
    let url = job.postgres.database_url(&job.database);
    let mut holder = Database::new(&url, "somebody else")?.connect().await?;
    let lock = holder.transaction().await?;
    lock.batch_execute("select from users_enriched where name <> 'private' for update")
        .await?;
    job.users(0, 0..4, "good.example")?;
    job.wait_until_logged("waiting for a lock on the target")?;
    // The others go on meanwhile, those of a pool that is full of waits included.
    job.users(1, 100..104, "good.example")?;
    job.wait_for("the other partition", || {
        let others = "select count(*) from users_enriched where user_id >= 100";
        Ok(job.number(others)? == 4)
    })?;
    lock.rollback().await?;
    job.wait_until_caught_up()?;
    let log = job.log()?;
    ensure!(
        log.contains("somebody else")
            && log.contains("last command SELECT")
            && !log.contains("private"),
        "{log}"
    );
    ensure!(log.matches("waiting for a lock on the target").count() == 1);
    ensure!(job.halted()? == 0);
    run.kill()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_holds_for_a_flush_that_waits_for_a_lock() -> Result<()> {
    let job = Job::new("paused_at_a_lock")?;
    let _run = job.run()?;
    job.users_done(0, 0..4, "good.example")?;
    let url = job.postgres.database_url(&job.database);
    let mut holder = Database::new(&url, "somebody else")?.connect().await?;
    let lock = holder.transaction().await?;
    lock.batch_execute("lock table users_enriched in access exclusive mode")
        .await?;
    job.users(0, 10..14, "good.example")?;
    job.wait_until_logged("waiting for a lock on the target")?;
    let (code, text) = printed(job.command(&["pause", "users.toml"])?.output()?);
    ensure!(code == Some(0), "{text}\n{}", job.explain());
    lock.rollback().await?;
    sleep(Duration::from_secs(2));
    ensure!(
        job.written()? == 4,
        "written while paused: {}",
        job.explain()
    );
    let (code, text) = printed(job.command(&["resume", "users.toml"])?.output()?);
    ensure!(code == Some(0), "{text}\n{}", job.explain());
    job.wait_until_caught_up()?;
    Ok(())
}
