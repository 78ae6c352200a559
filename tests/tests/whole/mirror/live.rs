//! Tables that are watched now.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use gristmill_tests::kafka::Kafka;
use gristmill_tests::mirror::capture::Watch;
use gristmill_tests::mirror::player::Player;
use gristmill_tests::mirror::settings::Settings;
use gristmill_tests::mirror::stream::Stream;
use gristmill_tests::postgres::Postgres;
use gristmill_tests::program::{self, gristmill};
use gristmill_tests::registry::apicurio::Apicurio;
use gristmill_tests::seed::{seed, seed_or};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// The variable with the number of tables, and how many there are without it: one of each shape.
const TABLES: &str = "GRISTMILL_MIRRORS";
const TABLES_DEFAULT: u64 = 5;
/// The seed of those: Debezium has types and settings at which it fails by itself, which a new
/// table may meet. `make soak` draws new ones.
const SEED_DEFAULT: u64 = 3_406_713_162;
/// The same of Avro, which is one shape.
const AVRO_TABLES: u64 = 4;
/// Tables that share a source and a worker.
const AT_ONCE: usize = 5;

#[test]
fn a_table_equals_its_source_while_it_is_written() -> Result<()> {
    gristmill()?;
    let (tables, seed) = match std::env::var(TABLES) {
        Ok(text) => (text.parse().context(TABLES)?, seed("live")),
        Err(_) => (TABLES_DEFAULT, seed_or("live", || SEED_DEFAULT)),
    };
    let seeds: Vec<u64> = (seed..seed + tables).collect();
    seeds
        .chunks(AT_ONCE)
        .try_for_each(|seeds| mirror(seeds, None))
}

/// The same in Avro, by a real registry.
#[test]
fn a_table_equals_its_source_in_avro() -> Result<()> {
    gristmill()?;
    let (tables, seed) = match std::env::var(TABLES) {
        Ok(text) => (text.parse().context(TABLES)?, seed("live_avro")),
        Err(_) => (AVRO_TABLES, seed_or("live_avro", || SEED_DEFAULT)),
    };
    let seeds: Vec<u64> = (seed..seed + tables).collect();
    let registry = Apicurio::start()?;
    seeds
        .chunks(AT_ONCE)
        .try_for_each(|seeds| mirror(seeds, Some(&registry)))
}

/// Watches a table of each seed, and mirrors all while they are worked on.
fn mirror(seeds: &[u64], registry: Option<&Apicurio>) -> Result<()> {
    let (kafka, postgres) = (Kafka::shared()?, Postgres::shared()?);
    let mut watch = Watch::start(kafka, seeds, registry)?;
    let mut players = Vec::new();
    for (topic, head) in watch.heads() {
        let mut settings = Settings::draw(&mut SmallRng::seed_from_u64(head.seed), &head);
        settings.registry = registry.map(Apicurio::confluent_url);
        let name = format!("live_{}_{}", head.seed, head.shape);
        players.push(Player::start(
            kafka, postgres, &head, &topic, &name, settings,
        )?);
    }
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| -> Result<()> {
        let disturbed: Vec<_> = players
            .iter_mut()
            .zip(seeds)
            .map(|(player, seed)| scope.spawn(|| disturb(player, *seed, &is_done)))
            .collect();
        let worked = watch.work();
        is_done.store(true, Ordering::Relaxed);
        for player in disturbed {
            player.join().map_err(|_| anyhow!("a player panicked"))??;
        }
        worked
    })?;
    for (mut stream, player) in watch.streams()?.into_iter().zip(&mut players) {
        if let Some(registry) = registry {
            stream.messages = registry.in_json(stream.messages)?;
        }
        player.check(&stream).with_context(|| kept(&stream))?;
    }
    Ok(())
}

/// Keeps the stream of a table that differs, and says how to play it again.
fn kept(stream: &Stream) -> String {
    let written = program::built().and_then(|folder| {
        let path = folder.join(format!("mirror-{}.jsonl.gz", stream.head.seed));
        stream.write(&path)?;
        Ok(path)
    });
    match written {
        Ok(path) => format!("{} has the records", path.display()),
        Err(error) => format!("the records are not kept: {error:#}"),
    }
}

fn disturb(player: &mut Player, seed: u64, is_done: &AtomicBool) -> Result<()> {
    let random = &mut SmallRng::seed_from_u64(seed);
    while !is_done.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(random.random_range(0..2_000)));
        player.disturb(random)?;
    }
    Ok(())
}
