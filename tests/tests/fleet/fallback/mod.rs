//! Rows that fail bring the revision before back by themselves.
//!
//! - [`taken_back`]: where the revision before accepts the rows, on every partition;
//! - [`stays`]: never where the rows fail with both, also where a row fails because of those beside
//!   it;
//! - [`mended`]: a partition that halted goes on when a mended rule is swapped in.

mod mended;
mod stays;
mod taken_back;

use anyhow::{Result, ensure};
use gristmill_tests::job::Job;

/// Users from 0 on are in the table, none is a dead letter of a failing rule, and no partition is
/// halted.
fn whole(job: &Job, users: i64) -> Result<()> {
    let rows = job.rows()?;
    ensure!(rows == users, "{rows} rows\n{}", job.explain());
    let failed = "select count(*) from gristmill.dead_letter where code like 'transform-%'";
    let failed = job.number(failed)?;
    ensure!(failed == 0, "{failed} dead letters\n{}", job.explain());
    ensure!(job.halted()? == 0, "{}", job.explain());
    Ok(())
}
