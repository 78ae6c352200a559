//! Seeded histories of rows whose source leaves cells out, deletes them, brings them back and is
//! emptied: through the real chain and the real sink, against a fold of the events one by one.

mod broken;
mod climate;
mod event;
mod fold;
mod moves;
mod races;
mod rules;
mod sequences;
mod source;
mod stage;
mod world;

use anyhow::{Context, Result};
use gristmill_tests::seed::seed;

use stage::Stage;
use world::World;

/// The variable that says how many seeds are played.
const HOW_MANY: &str = "GRISTMILL_LIVES";
const SEEDS: u64 = 1_000;

async fn play(seed: u64, stage: &mut Stage) -> Result<()> {
    let mut world = World::new(seed, stage);
    let played = world.play().await;
    let told = world.told();
    played.with_context(|| {
        format!("GRISTMILL_SEED={seed} {HOW_MANY}=1 plays it again; what happened:\n{told}")
    })
}

#[tokio::test]
async fn a_table_ends_as_its_events_say_one_by_one() -> Result<()> {
    let first = seed("lives");
    let how_many = match std::env::var(HOW_MANY) {
        Ok(text) => text
            .parse()
            .context("GRISTMILL_LIVES is a number of seeds")?,
        Err(_) => SEEDS,
    };
    let mut stage = Stage::new("lives").await?;
    for seed in first..first + how_many {
        play(seed, &mut stage).await?;
    }
    Ok(())
}
