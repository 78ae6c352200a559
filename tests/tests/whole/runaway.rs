//! A rule that runs away or lies, in a process that runs: its rows are dead letters that say why,
//! and when the rule is at fault its partition halts; the process and the other partition go on.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};
use gristmill_tests::guests;
use gristmill_tests::job::Job;
use gristmill_tests::process::Process;

/// What the process may need beyond what it had: for each partition one component at its limit,
/// twice (both engines), and what the allocator keeps.
const GROWTH_MAX_BYTES: u64 = 2 * 2 * (16 << 20) + (64 << 20);

#[test]
fn a_rule_that_runs_away_costs_its_rows_or_its_partition_and_nothing_else() -> Result<()> {
    let job = Job::new("runaway")?;
    let flaws = "loops_on = [\"loop.example\"]\nhoards_on = [\"hoard.example\"]";
    let (mut run, before) = started(&job, flaws)?;

    job.users(0, 200..201, "loop.example")?;
    job.users(0, 201..300, "good.example")?;
    job.users(1, 300..301, "hoard.example")?;
    job.users(1, 301..400, "good.example")?;
    job.wait_until_caught_up()?;
    ensure!(job.rows()? == 398, "{}", job.explain());
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
        let message = letter(&job, code)?;
        ensure!(
            message.starts_with("transform `enrich-email` ") && message.contains(why),
            "{message}"
        );
    }

    // Now on more rows than data can be blamed for.
    job.users(0, 400..420, "loop.example")?;
    job.users(1, 500..600, "good.example")?;
    halts_alone(&job, 498, "the component is at fault, not the data")?;
    let letters = job.letters()?;
    ensure!(letters == 2, "{letters}\n{}", job.explain());
    lives(&job, &mut run, before)
}

#[test]
fn a_rule_that_talks_too_much_or_lies_costs_its_rows_or_its_partition_and_nothing_else()
-> Result<()> {
    let job = Job::new("talkative")?;
    let flaws = "floods_on = [\"flood.example\"]\n\
        shouts_on = [\"shout.example\"]\n\
        lies_on = [\"lie.example\"]";
    let (mut run, before) = started(&job, flaws)?;

    // A megabyte of last words is cut.
    job.users(0, 200..201, "shout.example")?;
    job.users(0, 201..300, "good.example")?;
    job.wait_until_caught_up()?;
    let message = letter(&job, "transform-trapped")?;
    ensure!(
        message.contains("xxx... (1048576 bytes)") && message.len() < 4_096,
        "{message}"
    );

    // A flood is counted, and output to have been one when the transform next speaks.
    for id in [300, 301] {
        job.users(1, id..id + 1, "flood.example")?;
        job.wait_until_caught_up()?;
        sleep(Duration::from_millis(1_100));
    }
    let log = job.log()?;
    let lines = log.matches("a line of no use").count();
    ensure!((1..5_000).contains(&lines), "{lines} lines");
    ensure!(
        log.contains("more lines than log_lines_per_second = 20 lets through"),
        "{}",
        job.log_tail()
    );

    job.users(0, 400..420, "lie.example")?;
    job.users(1, 500..600, "good.example")?;
    let why = "rejected row 0 with the code \"made-up\", and its plan declares `disliked`";
    halts_alone(&job, 401, why)?;
    lives(&job, &mut run, before)
}

/// A host that has written two hundred users by the flawed rule, and the memory that it uses.
fn started(job: &Job, flaws: &str) -> Result<(Process, u64)> {
    let flawed = guests::build("flawed")?;
    let flawed = format!(
        "{:?}\nlimits = {{ memory_max_bytes = {}, fuel_base = 100_000_000 }}",
        flawed,
        16 << 20
    );
    job.edit_pipeline(|text| {
        text.replace("\"builtin:enrich-email\"", &flawed)
            .replace("corporate_domains", &format!("{flaws}\ncorporate_domains"))
    })?;
    let run = job.run()?;
    job.users(0, 0..100, "good.example")?;
    job.users(1, 100..200, "good.example")?;
    job.wait_until_caught_up()?;
    let bytes = run.resident_bytes()?;
    Ok((run, bytes))
}

/// Partition 0 halts and says `why`; the other goes on, so that there are `users`.
fn halts_alone(job: &Job, users: i64, why: &str) -> Result<()> {
    let halted =
        || job.psql("select partition, reason from gristmill.checkpoint where state = 'halted'");
    job.wait_for("the one partition to halt and the other to go on", || {
        Ok(job.rows()? == users && halted()?.starts_with("0|"))
    })?;
    let output = halted()?;
    ensure!(
        output.contains("enrich-email") && output.contains(why),
        "{output}"
    );
    Ok(())
}

/// The process runs, and has not grown by more than its components may hold.
fn lives(job: &Job, run: &mut Process, before: u64) -> Result<()> {
    ensure!(run.exit_status()?.is_none(), "{}", job.log_tail());
    let grown = run.resident_bytes()?.saturating_sub(before);
    ensure!(
        grown < GROWTH_MAX_BYTES,
        "the process grew by {grown} bytes"
    );
    Ok(())
}

/// What the dead letter with this code says.
fn letter(job: &Job, code: &str) -> Result<String> {
    job.psql(&format!(
        "select message from gristmill.dead_letter where code = '{code}'"
    ))
}
