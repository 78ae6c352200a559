//! Changing what runs.
//!
//! - [`change`]: what may become active, and what is refused;
//! - [`stage`]: what the hosts say to a change, and what is kept of each;
//! - [`trial`]: a revision beside the active one, or on one partition;
//! - [`fallback`]: a revision that fails goes back by itself;
//! - [`replay`]: recorded traffic through another rule;
//! - [`soak`]: changes under load, while hosts come and go.

mod change;
mod fallback;
mod replay;
mod revisions;
mod soak;
mod stage;
mod trial;

use anyhow::Result;
use gristmill_tests::job::Job;
use gristmill_tests::process::Process;

/// A host that has written ten users by revision 1, the shipped pipeline.
fn started(job: &Job) -> Result<Process> {
    let run = job.run()?;
    job.users_on_both_done(0..10, "good.example")?;
    Ok(run)
}
