//! Streams that were captured once.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use anyhow::{Context, Result};
use gristmill_tests::kafka::Kafka;
use gristmill_tests::mirror::player::Player;
use gristmill_tests::mirror::settings::Settings;
use gristmill_tests::mirror::stream::Stream;
use gristmill_tests::postgres::Postgres;
use gristmill_tests::program::{gristmill, repository};
use gristmill_tests::seed::seed;
use rand::SeedableRng;
use rand::rngs::SmallRng;

/// The variable with what to play in the place of all: a stream's name, its path, or a folder.
const ONE: &str = "GRISTMILL_STREAM";
/// At once. A stream mostly waits for processes to start.
const PLAYERS: usize = 4;

#[test]
fn each_table_equals_its_source() -> Result<()> {
    gristmill()?;
    let seed = seed("captured");
    let waiting = Mutex::new(VecDeque::from(paths()?));
    let failed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..PLAYERS {
            scope.spawn(|| {
                while let Some(path) = next(&waiting) {
                    if let Err(error) = play(&path, seed) {
                        let told = format!("{}: {error:#}", path.display());
                        failed.lock().expect("the list").push(told);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("the list");
    assert!(
        failed.is_empty(),
        "{}\n{} streams failed; {ONE}=NAME plays one",
        failed.join("\n\n"),
        failed.len()
    );
    Ok(())
}

fn paths() -> Result<Vec<PathBuf>> {
    let mut folder = repository().join("tests/streams");
    if let Some(name) = std::env::var_os(ONE) {
        let ours = folder.join(&name).with_extension("jsonl.gz");
        let path = if ours.exists() { ours } else { name.into() };
        if !path.is_dir() {
            return Ok(vec![path]);
        }
        folder = path;
    }
    let entries = std::fs::read_dir(folder)?;
    let mut paths = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn next(waiting: &Mutex<VecDeque<PathBuf>>) -> Option<PathBuf> {
    waiting.lock().expect("the queue").pop_front()
}

fn play(path: &Path, seed: u64) -> Result<()> {
    let stream = Stream::read(path)?;
    let random = &mut SmallRng::seed_from_u64(seed ^ stream.head.seed);
    let (kafka, postgres) = (Kafka::shared()?, Postgres::shared()?);
    let file = path.file_name().and_then(|name| name.to_str());
    let name = format!(
        "stream_{}",
        file.context("a name")?.trim_end_matches(".jsonl.gz")
    );
    // Records have times of their own, and the tests' broker is quick to delete old ones.
    let config = [
        ("retention.ms", "-1"),
        ("message.timestamp.after.max.ms", "9223372036854775807"),
    ];
    kafka.create_topic(&name, stream.head.partitions, &config)?;
    let settings = Settings::draw(random, &stream.head);
    let mut player = Player::start(kafka, postgres, &stream.head, &name, &name, settings)?;
    player.play(&stream, random)?;
    player.check(&stream)
}
