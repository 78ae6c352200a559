//! Locks that others hold on the target.

use anyhow::{Result, ensure};
use gristmill_postgres::wire::connection::Database;
use gristmill_tests::job::Job;

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
