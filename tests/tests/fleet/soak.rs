//! Swapping a rule while it runs: each row is what the revision makes of it that the activation rows name for its record.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use gristmill_tests::guests;
use gristmill_tests::job::Job;
use gristmill_tests::process::{Process, wait_until};
use gristmill_tests::seed::random;
use gristmill_tests::table;
use rand::Rng;
use serde_json::Value;

/// The domains that count as companies', in turn.
const CONFIGS: [&str; 3] = [
    r#"{"corporate_domains": ["gmail.com"]}"#,
    r#"{"corporate_domains": ["contoso.com", "outlook.de"]}"#,
    r#"{"corporate_domains": []}"#,
];

/// The domain of most addresses.
const PANICS: &str = r#"{"panics_on": ["gmail.com"], "corporate_domains": []}"#;

/// Under way long enough for dozens of changes to meet every state of a batch.
const LASTS: Duration = Duration::from_secs(120);

#[test]
fn two_hosts_swap_under_load_and_each_row_is_its_revisions() -> Result<()> {
    let mut random = random("swaps");
    let job = Job::new("swaps")?;
    job.edit_pipeline(|text| text.replacen("[target]", "[target]\nmax_rows = 200", 1))?;
    let first = job.run()?;
    job.generate(1_000, 5_000, random.random())?;
    job.wait_until_caught_up()?;
    let (swaps, hosts) = job.under_load(400, random.random(), || {
        swap_again_and_again(&job, &mut random, first)
    })?;
    job.transform(&["rollback", "enrich-email"])?;
    job.generate(1_000, 5_000, random.random())?;
    job.wait_until_caught_up()?;
    check(&job)?;
    // Each has records on both sides, as the next one's key is another offset. A partition misses those that pass while it has no host.
    let changes = job.psql(
        "select min(n) from (select count(*) as n from gristmill.activation group by partition) a",
    )?;
    ensure!(
        changes.parse::<usize>()? >= swaps * 3 / 4,
        "{swaps} swaps, and a partition with {changes} changes\n{}",
        job.explain()
    );
    let history = job.transform(&["history"])?;
    ensure!(history.contains("rollback enrich-email"), "{history}");
    drop(hosts);
    Ok(())
}

/// Two hosts, of which one joins, one is killed, one leaves and comes back, and a component that traps. How many swaps there were, and the hosts.
fn swap_again_and_again(
    job: &Job,
    random: &mut impl Rng,
    mut first: Process,
) -> Result<(usize, [Process; 2])> {
    let begun = Instant::now();
    let mut second = job.run()?;
    let mut swaps = 0;
    while swaps < 12 || begun.elapsed() < LASTS {
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
                wait_until("a host to end", Duration::from_secs(30), || {
                    Ok(second.exit_status()?.is_some())
                })?;
                second = job.run()?;
            }
            _ => {}
        }
    }
    Ok((swaps, [first, second]))
}

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
        let all = [
            &["transform", "swap"],
            arguments,
            &["--pipeline", "users.toml"],
        ]
        .concat();
        let error = job.gristmill(&all).err().context("it was accepted")?;
        let error = format!("{error:#}");
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
    ensure!(job.psql("select active_revision from gristmill.pipeline")? == "1");
    job.swap("builtin:enrich-email", CONFIGS[0], &[])?;
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
    let active = job.psql("select distinct revision from gristmill.checkpoint")?;
    ensure!(active == "2", "revision {active} runs\n{}", job.explain());
    check(&job)?;
    run.kill()?;
    job.edit_pipeline(|text| {
        text.replace("watermark_delay_ms = 10_000", "watermark_delay_ms = 12_000")
    })?;
    let _run = job.run()?;
    let taken_back = "takes back what revision 2 has of enrich-email (swap enrich-email";
    wait_until("the log to name the rule", Duration::from_secs(60), || {
        Ok(job.log()?.contains(taken_back))
    })
    .with_context(|| job.explain())
}

/// Swaps in a component that traps, and waits until the hosts have gone back by themselves.
fn take_back(job: &Job) -> Result<()> {
    let active = || job.psql("select active_revision from gristmill.pipeline");
    let before = active()?;
    let flawed = guests::build("flawed", env!("CARGO_TARGET_TMPDIR"))?;
    let swapped = job.swap(flawed.to_str().context("a path")?, PANICS, &[]);
    // Under load they may have gone back before it returns.
    if let Some(error) = swapped.err() {
        let error = format!("{error:#}");
        let told = error.contains("did not stay") && error.contains("rolled back by itself");
        ensure!(told, "{error}");
    }
    wait_until("the hosts to go back", Duration::from_secs(60), || {
        Ok(active()? == before)
    })
    .with_context(|| job.explain())
}

/// The oracle, with the rule of the revision that the activation rows name for each row's record.
fn check(job: &Job) -> Result<()> {
    let mut expected = job.expected()?;
    let mut ran: BTreeMap<i32, Vec<(i64, i32)>> = BTreeMap::new();
    let activations = "select json_build_array(partition, from_offset, revision) from gristmill.activation order by from_offset";
    for line in job.psql(activations)?.lines() {
        let (partition, from, revision): (i32, i64, i32) = serde_json::from_str(line)?;
        ran.entry(partition).or_default().push((from, revision));
    }
    let domains = "select json_build_array(r.revision, t -> 'config' -> 'corporate_domains') from gristmill.revision r, \
        jsonb_array_elements(r.spec -> 'transforms') t where t ->> 'name' = 'enrich-email'";
    let domains: BTreeMap<i32, Value> = job
        .psql(domains)?
        .lines()
        .map(serde_json::from_str::<(i32, Value)>)
        .collect::<Result<_, _>>()?;
    for user in expected.users.values_mut() {
        let ran = &ran[&user.partition];
        let (_, revision) = ran
            .iter()
            .rfind(|(from, _)| *from <= user.offset)
            .context("no revision")?;
        let domain = user.email_domain.as_ref().map(|d| d.to_lowercase());
        let corporate = domains[revision].as_array().context("domains")?;
        user.is_corporate = domain.is_some_and(|d| corporate.contains(&Value::from(d)));
    }
    table::compare(job.postgres, &job.database, &expected).with_context(|| job.explain())?;
    let wrong = "select count(*) from users_enriched u where u._gm_revision is distinct from (select a.revision from gristmill.activation a \
        where a.partition = u._gm_partition and a.from_offset <= u._gm_offset order by a.from_offset desc limit 1)";
    let wrong = job.psql(wrong)?;
    ensure!(
        wrong == "0",
        "{wrong} rows name another revision than the activation rows\n{}",
        job.explain()
    );
    Ok(())
}
