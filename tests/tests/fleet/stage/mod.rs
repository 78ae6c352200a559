//! Changing what runs: what is refused, what the hosts say to it, and going back.

mod answers;
mod back;

use std::ops::Range;
use std::time::Duration;

use anyhow::Result;
use gristmill_tests::job::Job;

/// For a host to hear of something and act on it: seconds on a quiet machine.
const SOON: Duration = Duration::from_secs(60);

/// Users with addresses in `domain` on both partitions, in two batches: by the second each partition has heard of the last change. Written when this returns.
fn say(job: &Job, ids: Range<i32>, domain: &str) -> Result<()> {
    let quarter = ids.len() as i32 / 4;
    let part = |n: i32| ids.start + n * quarter..ids.start + (n + 1) * quarter;
    for (partition, part) in [(0, part(0)), (1, part(1)), (0, part(2)), (1, part(3))] {
        job.users(partition, part, domain)?;
        job.wait_until_caught_up()?;
    }
    Ok(())
}

fn active(job: &Job) -> Result<i32> {
    let active = job.psql("select active_revision from gristmill.pipeline")?;
    Ok(active.parse()?)
}

/// A config of `enrich-email`.
fn corporate(domain: &str) -> String {
    serde_json::json!({ "corporate_domains": [domain] }).to_string()
}
