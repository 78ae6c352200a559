//! All cases of `tests/cases/`.

use std::collections::VecDeque;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use anyhow::Result;
use gristmill_tests::case::{Case, ONE, Played};
use gristmill_tests::program::{gristmill, repository};

/// At once. A case mostly waits: for servers, for its own sleep.
const PLAYERS: usize = 8;

#[test]
fn every_case_ends_as_its_file_says() -> Result<()> {
    let mut folder = repository().join("tests/cases");
    if let Some(name) = std::env::var_os(ONE) {
        let ours = folder.join(&name).with_extension("toml");
        let path = if ours.exists() { ours } else { name.into() };
        if !path.is_dir() {
            return play_one(&path);
        }
        folder = path;
    }
    gristmill()?;
    let cases = Case::read_all(&folder)?;
    let (waiting, failed) = (Mutex::new(VecDeque::from(cases)), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..PLAYERS {
            scope.spawn(|| {
                while let Some(case) = next(&waiting) {
                    if !passes(&case) {
                        failed
                            .lock()
                            .expect("the list")
                            .push(case.name().to_owned());
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("the list");
    assert!(failed.is_empty(), "{ONE}=NAME shows one of {failed:?}");
    Ok(())
}

fn next(waiting: &Mutex<VecDeque<Case>>) -> Option<Case> {
    waiting.lock().expect("the queue").pop_front()
}

/// Plays it, and prints a line past the capture of the test's output.
fn passes(case: &Case) -> bool {
    let begun = Instant::now();
    let differences = match case.play() {
        Ok(Played { differences, .. }) => differences,
        Err(error) => vec![format!("{error:#}")],
    };
    let verdict = if differences.is_empty() {
        "PASS"
    } else {
        "FAIL"
    };
    let seconds = begun.elapsed().as_secs();
    let mut text = format!("{verdict} {} ({seconds} s)\n", case.name());
    for difference in &differences {
        text.push_str(&format!("     {difference}\n"));
    }
    let _ = std::io::stderr().write_all(text.as_bytes());
    differences.is_empty()
}

fn play_one(file: &Path) -> Result<()> {
    let played = Case::read(file)?.play()?;
    writeln!(std::io::stderr(), "{played}")?;
    assert!(played.differences.is_empty(), "{:#?}", played.differences);
    Ok(())
}
