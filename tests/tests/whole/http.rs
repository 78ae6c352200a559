//! What a process says to collectors and probes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use gristmill_tests::job::Job;
use gristmill_tests::kafka::Kafka;
use gristmill_tests::postgres::Postgres;
use gristmill_tests::program::printed;
use gristmill_tests::topic::Message;
use gristmill_tests::wait::SOON;

/// The status line's code and the body.
fn get(address: &str, path: &str, headers: &str) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(SOON))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context(answer.clone())?;
    let code = head.split(' ').nth(1).context(head.to_owned())?;
    ensure!(
        head.contains(&format!("Content-Length: {}", body.len())),
        "{head}"
    );
    Ok((code.parse()?, body.to_owned()))
}

/// Where the host that was started last listens.
fn address(job: &Job) -> Result<String> {
    job.wait_until_logged("/metrics at http://")?;
    let log = job.log()?;
    let (_, from) = log.rsplit_once("/metrics at http://").context("logged")?;
    Ok(from
        .chars()
        .take_while(|c| "0123456789.:".contains(*c))
        .collect())
}

/// The samples of a text, by name and labels; an error where a line is none, or has no type.
fn samples(text: &str) -> Result<BTreeMap<String, f64>> {
    let mut types = BTreeMap::new();
    let mut samples = BTreeMap::new();
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# TYPE ") {
            let (name, kind) = comment.split_once(' ').context(line.to_owned())?;
            ensure!(
                types.insert(name.to_owned(), kind.to_owned()).is_none(),
                "twice: {line}"
            );
        } else if !line.starts_with("# HELP ") {
            let (series, value) = line.rsplit_once(' ').context(line.to_owned())?;
            let name = series.split('{').next().unwrap_or_default();
            let ends = ["_bucket", "_sum", "_count"];
            let of = ends.iter().find_map(|end| name.strip_suffix(end));
            let of = of.unwrap_or(name);
            ensure!(
                types.contains_key(name) || types.contains_key(of),
                "no type: {line}"
            );
            ensure!(
                samples.insert(series.to_owned(), value.parse()?).is_none(),
                "twice: {line}"
            );
        }
    }
    Ok(samples)
}

/// What Debian's package `prometheus` brings; elsewhere [`samples`] is what checks.
fn promtool(text: &str) -> Result<()> {
    let started = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut tool) = started else {
        return Ok(());
    };
    tool.stdin
        .take()
        .context("piped")?
        .write_all(text.as_bytes())?;
    let (code, said) = printed(tool.wait_with_output()?);
    ensure!(code == Some(0), "{said}");
    Ok(())
}

#[test]
fn the_metrics_are_what_the_tables_say() -> Result<()> {
    let job = Job::new("metrics")?;
    let _run = job.run()?;
    job.generate(2_000, 100, 1)?;
    job.produce(&[Message::new(0, "no json")])?;
    job.wait_until_caught_up()?;
    let address = address(&job)?;
    let (code, text) = get(&address, "/metrics", "")?;
    assert_eq!(code, 200);
    promtool(&text)?;
    let all = samples(&text)?;
    let sum = |name: &str| -> f64 {
        let of = |(series, _): &(&String, &f64)| series.split('{').next() == Some(name);
        all.iter().filter(of).map(|(_, value)| value).sum()
    };
    for (metric, column) in [
        ("gristmill_records_total", "records"),
        ("gristmill_rows_upserted_total", "rows_upserted"),
        ("gristmill_rows_superseded_total", "superseded"),
        ("gristmill_rows_late_total", "late"),
        ("gristmill_dead_letters_total", "dead_letters"),
        ("gristmill_flush_rows_sum", "rows_upserted"),
    ] {
        let stored = job.number(&format!("select sum({column}) from gristmill.checkpoint"))?;
        assert_eq!(sum(metric), stored as f64, "{metric}\n{text}");
    }
    let name = &job.database;
    let running = format!(
        "gristmill_partition_state{{pipeline=\"{name}\",topic=\"{}\",partition=\"1\",\
         state=\"running\"}}",
        job.topic
    );
    assert_eq!(all.get(&running), Some(&1.0), "{text}");
    let names: BTreeSet<_> = all.keys().filter_map(|s| s.split('{').next()).collect();
    for name in [
        "gristmill_build_info",
        "gristmill_revision_active",
        "gristmill_queued_bytes",
        "gristmill_rows_stale_total",
        "gristmill_transform_seconds_bucket",
    ] {
        assert!(names.contains(name), "{name}\n{text}");
    }
    // They are asked for every ten seconds.
    for name in [
        "gristmill_lag_records",
        "gristmill_retention_headroom_seconds",
    ] {
        job.wait_for(name, || Ok(get(&address, "/metrics", "")?.1.contains(name)))?;
    }
    let accept = "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n";
    let (_, open) = get(&address, "/metrics", accept)?;
    assert!(open.ends_with("# EOF\n") && open.contains("# TYPE gristmill_records counter"));
    assert_eq!(get(&address, "/healthz", "")?, (200, "ok\n".to_owned()));
    assert_eq!(get(&address, "/readyz", "")?, (200, "ready\n".to_owned()));
    assert_eq!(get(&address, "/etc/passwd", "")?.0, 404);
    // A named port that is taken is an error.
    let (code, said) = printed(
        job.command(&["run", "users.toml", "--http", &address])?
            .output()?,
    );
    assert!(code == Some(1) && said.contains("cannot listen"), "{said}");
    Ok(())
}

#[test]
fn connections_that_say_nothing_keep_no_probe_out() -> Result<()> {
    let job = Job::new("silent_probes")?;
    let _run = job.run()?;
    let address = address(&job)?;
    let silent: Result<Vec<_>, _> = (0..200).map(|_| TcpStream::connect(&address)).collect();
    let silent = silent?;
    let begun = Instant::now();
    assert_eq!(get(&address, "/healthz", "")?.0, 200);
    // Each of them may stay for 5 s, and there are places for 32.
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    drop(silent);
    Ok(())
}

#[test]
fn a_process_without_postgres_is_not_ready_and_says_why() -> Result<()> {
    let postgres = Postgres::start()?;
    let job = Job::on(Kafka::shared()?, &postgres, "unready")?;
    let _run = job.run()?;
    job.users_on_both_done(0..10, "good.example")?;
    let address = address(&job)?;
    postgres.stop()?;
    job.wait_for("it to be unready", || {
        Ok(get(&address, "/readyz", "")?.0 == 503)
    })?;
    let (_, why) = get(&address, "/readyz", "")?;
    assert!(why.contains("waiting for postgres"), "{why}");
    assert_eq!(get(&address, "/healthz", "")?.0, 200);
    postgres.start_again()?;
    job.wait_for("it to be ready", || {
        Ok(get(&address, "/readyz", "")?.0 == 200)
    })
}
