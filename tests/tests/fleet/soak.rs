//! Swapping a rule again and again under load, while hosts come and go.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use gristmill_tests::job::Job;
use gristmill_tests::process::Process;
use gristmill_tests::seed::random;
use gristmill_tests::wait::{SOON, soak_time};
use rand::Rng;
use serde_json::json;

use crate::revisions;

/// The domains that count as companies', in turn.
const CONFIGS: [&str; 3] = [
    r#"{"corporate_domains": ["gmail.com"]}"#,
    r#"{"corporate_domains": ["contoso.com", "outlook.de"]}"#,
    r#"{"corporate_domains": []}"#,
];

#[test]
fn two_hosts_swap_under_load_and_each_row_is_its_revisions() -> Result<()> {
    let mut random = random("swaps");
    let job = Job::new("swaps")?;
    job.flush_after(200)?;
    let first = job.run()?;
    job.generate(1_000, 5_000, random.random())?;
    job.wait_until_caught_up()?;
    let (swaps, hosts) = job.under_load(400, random.random(), || {
        swap_again_and_again(&job, &mut random, first)
    })?;
    job.roll_back()?;
    job.generate(1_000, 5_000, random.random())?;
    job.wait_until_caught_up()?;
    revisions::check(&job)?;
    // Each has records on both sides, as the next one's key is another offset. A partition misses
    // those that pass while it has no host.
    let changes = job.number(
        "select min(n) from (
            select count(*) as n from gristmill.activation group by partition
        ) a",
    )?;
    ensure!(
        changes >= swaps as i64 * 3 / 4,
        "{swaps} swaps, and a partition with {changes} changes\n{}",
        job.explain()
    );
    let history = job.transform("history", &[])?;
    ensure!(history.contains("rollback enrich-email"), "{history}");
    drop(hosts);
    Ok(())
}

/// Two hosts, of which one joins, one is killed, one leaves and comes back, and a component that
/// traps. How many swaps there were, and the hosts.
fn swap_again_and_again(
    job: &Job,
    random: &mut impl Rng,
    mut first: Process,
) -> Result<(usize, [Process; 2])> {
    let (begun, lasts) = (Instant::now(), soak_time());
    let mut second = job.run()?;
    let mut swaps = 0;
    while swaps < 12 || begun.elapsed() < lasts {
        job.swap("builtin:enrich-email", CONFIGS[swaps % CONFIGS.len()], &[])?;
        swaps += 1;
        sleep(Duration::from_millis(random.random_range(0..2_000)));
        match swaps {
            3 => {
                first.kill()?;
                first = job.run()?;
            }
            6 => take_back(job)?,
            9 => {
                second.signal("TERM")?;
                second.wait(SOON)?;
                second = job.run()?;
            }
            _ => {}
        }
    }
    Ok((swaps, [first, second]))
}

/// Swaps in a component that traps on most addresses, and waits until the hosts have gone back by
/// themselves.
fn take_back(job: &Job) -> Result<()> {
    let before = job.active()?;
    let panics = json!({"panics_on": ["gmail.com"], "corporate_domains": []});
    // Under load they may have gone back before it returns.
    if let Err(error) = job.swap_flawed(&panics, &[]) {
        let error = format!("{error:#}");
        let told = error.contains("did not stay") && error.contains("rolled back by itself");
        ensure!(told, "{error}");
    }
    job.wait_until_active(before)
}
