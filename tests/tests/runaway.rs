//! A rule that runs away, in a process that runs: its rows are dead letters that say why, and when the rule is at fault its partition halts; the process and the other partition go on.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gristmill_tests::guests;
use gristmill_tests::job::Job;
use gristmill_tests::process::wait_until;

const SOON: Duration = Duration::from_secs(60);

/// What the process may need beyond what it had: for each partition one component at its limit, twice (both engines), and what the allocator keeps.
const GROWTH_MAX_BYTES: u64 = 2 * 2 * (16 << 20) + (64 << 20);

#[test]
fn a_rule_that_runs_away_costs_its_rows_or_its_partition_and_nothing_else() -> Result<()> {
    let job = Job::new("runaway")?;
    let flawed = guests::build("flawed", env!("CARGO_TARGET_TMPDIR"))?;
    let flawed = format!(
        "{:?}\nlimits = {{ memory_max_bytes = {}, fuel_base = 100_000_000 }}",
        flawed.display().to_string(),
        16 << 20
    );
    job.edit_pipeline(|text| {
        text.replace("\"builtin:enrich-email\"", &flawed).replace(
            "corporate_domains",
            "loops_on = [\"loop.example\"]\nhoards_on = [\"hoard.example\"]\ncorporate_domains",
        )
    })?;
    let mut run = job.run()?;
    job.users(0, 0..100, "good.example")?;
    job.users(1, 100..200, "good.example")?;
    job.wait_until_caught_up()?;
    let before = run.resident_bytes()?;

    job.users(0, 200..201, "loop.example")?;
    job.users(0, 201..300, "good.example")?;
    job.users(1, 300..301, "hoard.example")?;
    job.users(1, 301..400, "good.example")?;
    job.wait_until_caught_up()?;
    ensure!(rows(&job)? == "398", "{}", job.explain());
    for (code, why) in [
        (
            "transform-out-of-fuel",
            "needs a higher fuel_base or fuel_per_row in its limits",
        ),
        (
            "transform-out-of-memory",
            "wanted more than memory_max_bytes = 16777216 in apply: raise it",
        ),
    ] {
        let message = job.psql(&format!(
            "select message from gristmill.dead_letter where code = '{code}'"
        ))?;
        ensure!(
            message.starts_with("transform `enrich-email` ") && message.contains(why),
            "{message}"
        );
    }

    // Now on more rows than data can be blamed for.
    job.users(0, 400..420, "loop.example")?;
    job.users(1, 500..600, "good.example")?;
    wait_until(
        "the one partition to halt and the other to go on",
        SOON,
        || Ok(rows(&job)? == "498" && halted(&job)?.starts_with("0|")),
    )
    .with_context(|| job.explain())?;
    let why = halted(&job)?;
    ensure!(
        why.contains("enrich-email") && why.contains("the component is at fault, not the data"),
        "{why}"
    );
    let letters = job.psql("select count(*) from gristmill.dead_letter")?;
    ensure!(letters == "2", "{letters}\n{}", job.explain());

    ensure!(run.exit_status()?.is_none(), "{}", job.log_tail());
    let grown = run.resident_bytes()?.saturating_sub(before);
    ensure!(
        grown < GROWTH_MAX_BYTES,
        "the process grew by {grown} bytes"
    );
    Ok(())
}

fn rows(job: &Job) -> Result<String> {
    job.psql("select count(*) from users_enriched")
}

/// The partitions that are halted, with their reasons.
fn halted(job: &Job) -> Result<String> {
    job.psql("select partition, reason from gristmill.checkpoint where state = 'halted'")
}
