//! Seeded histories, on the model of the commit and on PostgreSQL.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use anyhow::{Context, Result, ensure};
use gristmill_core::chain::Computed;
use gristmill_postgres::commit::checkpoint::PartitionState;
use gristmill_postgres::commit::flush_error::FlushError;
use gristmill_postgres::commit::gap::{Cause, Gap, accept_gap};
use gristmill_postgres::commit::lease::{self, Lease};
use gristmill_postgres::commit::refusal::{Settled, Unsettled, settle};
use gristmill_postgres::wire::connection::Connection;
use gristmill_tests::history::{self, Answer, Claim, MemoryStore, Outcome, Store};
use gristmill_tests::seed::seed;

use crate::fixture::{Fixture, VERSIONED, request};

/// The variable that says how many seeds are played.
const HOW_MANY: &str = "GRISTMILL_HISTORIES";
/// A second of work, and more than what finds a broken guard, fence or hand-over: each was found
/// within 300.
const SEEDS: u64 = 1_000;
/// A trigger of the table that changes the event time, as people's triggers do.
const STAMPED: &str = "
    create function stamp() returns trigger language plpgsql
    as $$ begin new.at := now(); return new; end $$;
    create trigger stamp before insert or update on people
    for each row execute function stamp()";
/// On a real server each takes about a second.
const REAL_SEEDS: u64 = 12;

#[test]
fn no_history_loses_a_record_or_writes_one_twice() {
    let first = seed("histories");
    let how_many = std::env::var(HOW_MANY).map_or(SEEDS, |text| {
        text.parse()
            .expect("GRISTMILL_HISTORIES is a number of seeds")
    });
    let next = AtomicU64::new(first);
    let play_some = || {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.expect("a runtime");
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + how_many {
                return;
            }
            let played = runtime.block_on(history::play(seed, &mut MemoryStore::default()));
            if let Err(error) = played {
                // The others need not go on.
                next.store(u64::MAX / 2, Ordering::Relaxed);
                panic!("GRISTMILL_SEED={seed} {HOW_MANY}=1 plays it again; {error:#}");
            }
        }
    };
    let players = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..players {
            scope.spawn(play_some);
        }
    });
}

#[tokio::test]
async fn postgres_does_in_each_history_what_the_model_does() -> Result<()> {
    let first = seed("histories on postgres");
    for seed in first..first + REAL_SEEDS {
        let modelled = history::play(seed, &mut MemoryStore::default()).await?;
        let mut store = PostgresStore::new(&format!("history_{}", seed - first)).await?;
        let real = history::play(seed, &mut store).await?;
        assert!(
            history::forgets(seed) || real == modelled,
            "seed {seed}: Postgres did\n{real}\nand the model\n{modelled}"
        );
    }
    Ok(())
}

/// The SQL that hosts commit by.
struct PostgresStore {
    fixture: Fixture,
    connection: Connection,
    /// Of the partitions' takes, by epoch.
    leases: Vec<Lease>,
}

impl PostgresStore {
    async fn new(name: &str) -> Result<Self> {
        let fixture = Fixture::new(name, &format!("{VERSIONED};{STAMPED}")).await?;
        let connection = fixture.connect().await?;
        Ok(Self {
            fixture,
            connection,
            leases: Vec::new(),
        })
    }

    fn lease(&self, claim: Claim) -> Result<Lease> {
        let is_it = |l: &&Lease| (l.key.partition, l.owner_epoch) == (claim.partition, claim.epoch);
        let lease = self.leases.iter().find(is_it);
        lease.cloned().context("a lease that was never given")
    }

    fn log(&self, partition: i32) -> Result<i32> {
        let sql = format!("select log from gristmill.checkpoint where partition = {partition}");
        Ok(self.fixture.psql(&sql)?.parse()?)
    }
}

impl Store for PostgresStore {
    async fn take(&mut self, host: usize, partition: i32, topic: usize) -> Result<Claim> {
        let request = request(partition, 1, 0, Some(&topic.to_string()));
        let host = format!("host-{host}");
        let taken = lease::take(&mut self.connection, &[request], &host).await?;
        let taken = taken.into_iter().next().context("nothing was taken")?;
        let claim = Claim {
            partition,
            epoch: taken.lease.owner_epoch,
            next_offset: taken.next_offset,
            event_time_max_us: taken.event_time_max_us,
            topic: taken.topic_id.context("a topic without id")?.parse()?,
            log: self.log(partition)?,
            counted_below: taken.counted_below,
        };
        if taken.state == PartitionState::Halted {
            let resumed = lease::resume(&self.connection, &[&taken.lease]).await?;
            ensure!(resumed == 1, "the owner could not resume");
        }
        self.leases.push(taken.lease);
        Ok(claim)
    }

    async fn begin_anew(&mut self, claim: Claim, topic: usize) -> Result<Option<Claim>> {
        let gap = Gap {
            from_offset: claim.next_offset,
            to_offset: 0,
            cause: Cause::Recreated,
        };
        let (lease, id) = (self.lease(claim)?, topic.to_string());
        let accepted = accept_gap(&mut self.connection, &lease, &gap, Some(&id), "test").await?;
        let log = self.log(claim.partition)?;
        let is_it = |l: &&mut Lease| l.key == lease.key && l.owner_epoch == lease.owner_epoch;
        if let Some(lease) = self.leases.iter_mut().find(is_it).filter(|_| accepted) {
            lease.log = log;
        }
        Ok(accepted.then_some(Claim {
            next_offset: 0,
            event_time_max_us: None,
            topic,
            log,
            counted_below: 0,
            ..claim
        }))
    }

    async fn halt_before(&mut self, claim: Claim, offset: i64) -> Result<bool> {
        let lease = self.lease(claim)?;
        let halted = lease::halt_before(&self.connection, &lease, offset, 1, "a test");
        Ok(halted.await?)
    }

    async fn flush(&mut self, claim: Claim, from: i64, batch: &Computed) -> Result<Answer> {
        let lease = self.lease(claim)?;
        let flushed = self
            .fixture
            .flush(&mut self.connection, &lease, from, batch);
        match flushed.await {
            Ok(_) => Ok(Answer::Committed),
            Err(FlushError::Fenced) => Ok(Answer::Fenced),
            Err(FlushError::Refused { .. }) => {
                let unsettled = Unsettled {
                    sink: &self.fixture.sink,
                    lease: &lease,
                    from_offset: from,
                    batch,
                    revision: 1,
                    digests: &|_| None,
                    was_retried: false,
                };
                Ok(match settle(&mut self.connection, unsettled).await? {
                    Settled::Committed(_) => Answer::Committed,
                    Settled::Refused(rows) => {
                        Answer::Refused(rows.iter().map(|row| row.dead_letter(batch)).collect())
                    }
                })
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn outcome(&mut self) -> Result<Outcome> {
        let lines = |sql: &str| anyhow::Ok(self.fixture.psql(sql)?);
        let people = lines("select id, is_deleted, name from people")?;
        let letters = lines("select log, partition, \"offset\" from gristmill.dead_letter")?;
        let fields = |line: &str| line.split('|').map(str::to_owned).collect::<Vec<_>>();
        let mut outcome = Outcome::default();
        for person in people.lines().map(fields) {
            let row = history::shown(&person[2], person[1] == "t");
            outcome.people.insert(person[0].parse()?, row);
        }
        for letter in letters.lines().map(fields) {
            let place = (letter[0].parse()?, letter[1].parse()?, letter[2].parse()?);
            outcome.letters.insert(place);
        }
        let records = lines("select coalesce(sum(records), 0) from gristmill.checkpoint")?;
        outcome.records = records.parse()?;
        Ok(outcome)
    }
}
