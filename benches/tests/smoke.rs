//! The benchmark works: on few events, in seconds, with a table that is right. How fast anything
//! is, is not asked here.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use gristmill_tests::process::{Folder, output};
use gristmill_tests::program;

#[test]
fn a_small_run_ends_with_results_of_every_contender_and_right_tables() -> Result<()> {
    // The benchmark starts it from beside itself.
    program::gristmill()?;
    let folder = Folder::new("gristmill-smoke-")?;
    let said = output(
        Command::new(env!("CARGO_BIN_EXE_gristmill-bench"))
            .args([
                "--quick", "--events", "5000", "--keys", "700", "--rounds", "1",
            ])
            .args([
                "--only",
                "gristmill,gristmill-native,ceiling-write,ceiling-read",
            ])
            .args(["--latency", "200", "--scale", "restart,mirror", "--into"])
            .arg(folder.path()),
    )?;
    let results = std::fs::read_to_string(folder.path().join("RESULTS.md"))?;
    for (name, wrong) in [
        ("gristmill", "0"),
        ("gristmill-native", "0"),
        ("ceiling-write", "0"),
        ("ceiling-read", "–"),
    ] {
        let cells = row(&results, name).with_context(|| format!("{said}\n{results}"))?;
        let rate: f64 = cells[1].parse().with_context(|| results.clone())?;
        ensure!(rate > 0.0 && cells.last() == Some(&wrong), "{results}");
    }
    let latencies = results.lines().filter(|line| line.starts_with("| 200 |"));
    ensure!(latencies.count() == 2, "{results}");
    for start in ["first start", "again after kill -9", "again after SIGTERM"] {
        let cells = row(&results, start).with_context(|| results.clone())?;
        ensure!(cells.last() == Some(&"0"), "{results}");
    }
    for events in ["json", "json schema", "hot keys", "initial load"] {
        let cells =
            row(&results, &format!("{events} | gristmill")).with_context(|| results.clone())?;
        ensure!(cells.last() == Some(&"yes"), "{results}");
    }
    let chart = std::fs::read_to_string(folder.path().join("events.svg"))?;
    ensure!(
        chart.contains(">gristmill<") && chart.contains(">ceiling-write<"),
        "{chart}"
    );
    Ok(())
}

/// The cells of the row that begins with `name`.
fn row<'a>(results: &'a str, name: &str) -> Option<Vec<&'a str>> {
    let line = results
        .lines()
        .find(|line| line.starts_with(&format!("| {name} |")))?;
    Some(line.trim_matches('|').split('|').map(str::trim).collect())
}
