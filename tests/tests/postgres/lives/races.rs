//! Two sessions that write the same keys at once, neither of which sees what the other writes.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gristmill_core::chain::Computed;
use gristmill_core::dedup::VersionRule;
use gristmill_postgres::commit::flush_error::FlushError;
use gristmill_postgres::commit::lease::Lease;
use gristmill_tests::seed::seed;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio_postgres::Client;

use super::climate::KINDS;
use super::event::{Cell, Event, What, records};
use super::fold::{Fold, Given, Version, agree};
use super::rules::{NOW_US, Revision};
use super::stage::{Stage, Writer};

const SEEDS: u64 = 60;

/// Statements wait here with what they have seen: all of them go on when the lock is given up.
const GATE: &str = "
    create function gate() returns trigger language plpgsql as $$
    begin
        perform pg_advisory_xact_lock_shared(15);
        return case tg_op when 'DELETE' then old else new end;
    end $$;
    create trigger gate before insert or delete on lives for each row execute function gate();
    create trigger gate before insert or delete on mirrors for each row execute function gate()";

/// A batch of a partition, and its events by version.
struct Side {
    lease: Lease,
    batch: Computed,
    given: Vec<Given>,
}

/// `is_whole`: no cell is absent. Where rows are deleted for good, a new life of which not all is
/// known may get what an older event says at that very moment: its tombstone is not seen in time,
/// and what the sweep looks at is newer.
fn event(random: &mut SmallRng, clock: &mut i64, is_whole: bool) -> Event {
    *clock += 1;
    let may_truncate = random.random_bool(0.04);
    let what = match random.random_range(0..3) {
        _ if may_truncate => What::Truncate,
        0 => What::Delete,
        _ => What::Row,
    };
    let mut cell = |name: &str| -> Cell {
        let is_there = is_whole || random.random_bool(0.5);
        is_there.then(|| Some(format!("{name}{clock}")))
    };
    let cells = [cell("a"), cell("b"), cell("c")];
    let at = random.random_range(1..20);
    Event {
        what,
        key: random.random_range(0..2),
        at,
        seq: Some(at),
        recorded: *clock,
        cells,
        is_unread: false,
    }
}

async fn side(
    stage: &mut Stage,
    random: &mut SmallRng,
    writer: Writer,
    (partition, clock): (i32, &mut i64),
) -> Result<Side> {
    let lease = stage.take(partition).await?.lease;
    let by_place = writer.revision.version.kind == KINDS[2];
    let mut events: Vec<Event> = Vec::new();
    for _ in 0..random.random_range(1..5) {
        let event = event(random, clock, writer.is_hard);
        let has_one = events.iter().any(|e| e.what == What::Truncate);
        if event.what != What::Truncate || !(by_place || has_one) {
            events.push(event);
        }
    }
    if events.is_empty() {
        events.push(Event {
            what: What::Delete,
            ..event(random, clock, writer.is_hard)
        });
    }
    let (revision, delete) = (writer.revision, writer.delete());
    let mut chain = revision.chain(partition, delete, 1 << 20, true)?;
    let batch = chain.compute(records((0..).zip(&events)), NOW_US);
    let batch = batch.map_err(|uncomputed| anyhow::anyhow!("{}", uncomputed.fault))?;
    let given = (0..).zip(&events).map(|(offset, event)| {
        let version = Version::new(revision.version, event, (1, partition), offset);
        Given::new(event, version, revision)
    });
    let mut given: Vec<Given> = given.collect();
    given.sort_by(|a, b| a.version.cmp_in_batch(&b.version));
    Ok(Side {
        lease,
        batch,
        given,
    })
}

/// Opens the gate when both wait there, or have ended.
async fn open(keeper: &Client) -> Result<()> {
    let waiting = "select count(*) from pg_locks where not granted";
    for _ in 0..20 {
        let both: i64 = keeper.query_one(waiting, &[]).await?.get(0);
        if both >= 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    keeper
        .batch_execute("select pg_advisory_unlock(15)")
        .await?;
    Ok(())
}

async fn race(seed: u64, stage: &mut Stage, keeper: &Client) -> Result<()> {
    let mut random = SmallRng::seed_from_u64(seed);
    let kind = KINDS[random.random_range(0..3)];
    let writer = Writer {
        table: random.random_range(0..2),
        revision: Revision {
            version: VersionRule { kind, epoch: 0 },
            writes_c: true,
        },
        is_hard: random.random_bool(0.6),
    };
    stage.forget().await?;
    let sink = stage.sink(writer).await?;
    let mut clock = 0;
    let mut before = Fold::new(writer.delete());
    if random.random_bool(0.5) {
        let mut first = side(stage, &mut random, writer, (2, &mut clock)).await?;
        stage
            .flush(writer, &first.lease, 0, &mut first.batch)
            .await?;
        first.given.iter().for_each(|given| before.apply(given));
    }
    let one = side(stage, &mut random, writer, (0, &mut clock)).await?;
    let other = side(stage, &mut random, writer, (1, &mut clock)).await?;
    let mut second = stage.fixture.connect().await?;
    keeper.batch_execute("select pg_advisory_lock(15)").await?;
    let first = &mut stage.connection;
    let (ended, other_ended, opened) = tokio::join!(
        sink.flush(first, &one.lease, 0, &one.batch, 1, &|_| None),
        sink.flush(&mut second, &other.lease, 0, &other.batch, 1, &|_| None),
        open(keeper),
    );
    opened?;
    for (ended, side) in [(ended, &one), (other_ended, &other)] {
        match ended {
            Ok(_) => {}
            // A circle of layers, which the host sends again.
            Err(FlushError::Refused { .. } | FlushError::Halt { .. } | FlushError::Fenced) => {
                ended.context("a flush of the race")?;
            }
            Err(_) => {
                let again = sink.flush(&mut second, &side.lease, 0, &side.batch, 1, &|_| None);
                again.await.context("a flush that is sent again")?;
            }
        }
    }
    sink.sweep(&second).await?;
    let found = stage.shown(writer.table).await?;
    let in_order = |sides: [&Side; 2]| {
        let mut fold = before.clone();
        let given = sides.into_iter().flat_map(|side| &side.given);
        given.for_each(|given| fold.apply(given));
        fold.shown()
    };
    let (here, there) = (in_order([&one, &other]), in_order([&other, &one]));
    for key in 0..2 {
        let (is, here, there) = (found.get(&key), here.get(&key), there.get(&key));
        ensure!(
            agree(is, here) || agree(is, there),
            "{writer:?}: {key} is\n{is:?}, and should be\n{here:?} or\n{there:?} after\n{:#?}\nand\
            \n{:#?}, upon\n{before:#?}",
            one.given,
            other.given
        );
    }
    Ok(())
}

#[tokio::test]
async fn two_sessions_at_once_leave_what_one_after_the_other_leaves() -> Result<()> {
    let first = seed("races");
    let mut stage = Stage::new("lives_races").await?;
    stage.connection.batch_execute(GATE).await?;
    let keeper = stage.fixture.connect().await?;
    for seed in first..first + SEEDS {
        let raced = race(seed, &mut stage, &keeper).await;
        raced.with_context(|| format!("GRISTMILL_SEED={seed} races again"))?;
    }
    Ok(())
}
