//! Values that move from row to row though no two rows may have the same, and rows that come before
//! those which they name. Each row of the source lands in the end: what is refused waits as a dead
//! letter until nothing is in its way.

use std::collections::BTreeSet;
use std::fmt::Write;

use anyhow::{Context, Result, bail, ensure};
use gristmill_core::chain::{Chain, Computed};
use gristmill_core::dedup::VersionRule;
use gristmill_postgres::commit::lease::Lease;
use gristmill_postgres::commit::row_origin::RowOrigin;
use gristmill_postgres::letters::due_letters::waits_for_others;
use gristmill_postgres::letters::replay_commit::ReplayEnd;
use gristmill_postgres::wire::connection::Connection;
use gristmill_tests::seed::seed;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::climate::KINDS;
use super::event::{Event, records};
use super::rules::{NOW_US, Revision};
use super::source::{Source, VALUES};
use super::stage::{Flushed, Stage, Writer};

const SEEDS: u64 = 150;
const STEPS: usize = 60;

/// Column `a` is unique among rows that are not deleted, and `b` names a row of another table,
/// which another pipeline fills.
const CONSTRAINTS: &str = "
    create table named (name text primary key);
    create unique index on lives (a) where gone is not true;
    create unique index on mirrors (a) where _gm_deleted is not true;
    alter table lives alter b drop default, add foreign key (b) references named;
    alter table mirrors alter b drop default, add foreign key (b) references named";

/// A partition and who works on it.
struct Partition {
    lease: Lease,
    events: Vec<Event>,
    chain: Chain,
    ahead: Option<Computed>,
    committed: i64,
    /// Offsets of dead letters.
    letters: BTreeSet<i64>,
}

struct Moves<'s> {
    random: SmallRng,
    stage: &'s mut Stage,
    second: &'s mut Connection,
    writer: Writer,
    batch: usize,
    partitions: Vec<Partition>,
    source: Source,
    told: String,
}

impl<'s> Moves<'s> {
    async fn new(seed: u64, stage: &'s mut Stage, second: &'s mut Connection) -> Result<Self> {
        let mut random = SmallRng::seed_from_u64(seed);
        let kind = KINDS[random.random_range(0..3)];
        let writer = Writer {
            table: random.random_range(0..2),
            revision: Revision {
                version: VersionRule { kind, epoch: 0 },
                writes_c: true,
            },
            is_hard: random.random_bool(0.5),
        };
        stage.forget().await?;
        stage.connection.batch_execute("delete from named").await?;
        let mut moves = Self {
            batch: random.random_range(1..12),
            second,
            writer,
            partitions: Vec::new(),
            source: Source::new(random.random_bool(0.5)),
            told: format!("  {writer:?}\n"),
            stage,
            random,
        };
        for number in 0..moves.random.random_range(1..3) {
            let taken = moves.stage.take(number).await?;
            let chain = moves.chain(number, 200)?;
            moves.partitions.push(Partition {
                lease: taken.lease,
                events: Vec::new(),
                chain,
                ahead: None,
                committed: taken.next_offset,
                letters: BTreeSet::new(),
            });
        }
        Ok(moves)
    }

    /// Knows no key, and remembers a few or all.
    fn chain(&self, partition: i32, state_max_bytes: usize) -> Result<Chain> {
        let delete = self.writer.delete();
        let revision = self.writer.revision;
        revision.chain(partition, delete, state_max_bytes, true)
    }

    fn tell(&mut self, line: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.told, "  {line}");
    }

    async fn play(&mut self) -> Result<()> {
        for _ in 0..STEPS {
            let number = self.random.random_range(0..self.partitions.len());
            match self.random.random_range(0..100) {
                0..45 => self.change(),
                45..65 => self.compute(number)?,
                65..80 => self.commit(number).await?,
                80..86 => self.commit_both().await?,
                86..91 => self.restart(number).await?,
                91..95 => self.name().await?,
                _ => _ = self.retry(number).await?,
            }
        }
        for name in 0..VALUES {
            self.insert_name(name).await?;
        }
        for number in 0..self.partitions.len() {
            self.finish(number).await?;
        }
        let mut has_helped = true;
        while std::mem::take(&mut has_helped) {
            for number in 0..self.partitions.len() {
                has_helped |= self.retry(number).await?;
            }
        }
        self.judge().await
    }

    fn change(&mut self) {
        for event in self.source.change(&mut self.random) {
            let number = event.key as usize % self.partitions.len();
            let offset = self.partitions[number].events.len();
            let Event {
                what, key, cells, ..
            } = &event;
            let line = format!("{number}:{offset}: {what:?} of {key}: {cells:?}");
            self.tell(format_args!("{line}"));
            self.partitions[number].events.push(event);
        }
    }

    async fn name(&mut self) -> Result<()> {
        let name = self.random.random_range(0..VALUES);
        self.insert_name(name).await
    }

    async fn insert_name(&mut self, name: usize) -> Result<()> {
        self.tell(format_args!("n{name} is there"));
        let sql = format!("insert into named values ('n{name}') on conflict do nothing");
        Ok(self.stage.connection.batch_execute(&sql).await?)
    }

    fn compute(&mut self, number: usize) -> Result<()> {
        let most = self.random.random_range(0..self.batch) as i64 + 1;
        let partition = &mut self.partitions[number];
        let (from, end) = (partition.committed, partition.events.len() as i64);
        let to = (from + most).min(end);
        if from >= to || partition.ahead.is_some() {
            return Ok(());
        }
        let events = (from..to).map(|o| (o, &partition.events[o as usize]));
        partition.ahead = Some(computed(&mut partition.chain, events)?);
        Ok(())
    }

    async fn commit(&mut self, number: usize) -> Result<()> {
        let partition = &mut self.partitions[number];
        let Some(mut batch) = partition.ahead.take() else {
            return Ok(());
        };
        loop {
            let (lease, from) = (&partition.lease, partition.committed);
            match self
                .stage
                .flush(self.writer, lease, from, &mut batch)
                .await?
            {
                Flushed::Committed => break,
                Flushed::Fenced => bail!("the owner is fenced"),
                Flushed::Refused(letters) => {
                    let again = partition.chain.exclude(batch, letters);
                    batch = again.map_err(|uncomputed| anyhow::anyhow!("{}", uncomputed.fault))?;
                }
            }
        }
        self.committed(number, &batch)
    }

    fn committed(&mut self, number: usize, batch: &Computed) -> Result<()> {
        let partition = &mut self.partitions[number];
        partition.chain.committed(batch);
        let from = std::mem::replace(&mut partition.committed, batch.next_offset);
        let letters = batch.dead_letters.iter();
        let offsets = letters.map(|letter| batch.records.offset(letter.record as usize));
        let offsets: Vec<i64> = offsets.collect();
        partition.letters.extend(&offsets);
        let to = batch.next_offset;
        self.tell(format_args!(
            "{number}:{from}..{to} commits, letters {offsets:?}"
        ));
        wait_for_others(batch)
    }

    /// Two sessions at once, whose rows may be in each other's way.
    async fn commit_both(&mut self) -> Result<()> {
        for number in 0..self.partitions.len() {
            self.compute(number)?;
        }
        let [one, other] = self.partitions.as_mut_slice() else {
            return Ok(());
        };
        let sink = self.stage.sink(self.writer).await?;
        let (Some(first), Some(second)) = (&one.ahead, &other.ahead) else {
            return Ok(());
        };
        let (connection, beside) = (&mut self.stage.connection, &mut *self.second);
        let ended = tokio::join!(
            sink.flush(connection, &one.lease, one.committed, first, 1, &|_| None),
            sink.flush(beside, &other.lease, other.committed, second, 1, &|_| None),
        );
        for (number, ended) in [(0, ended.0.is_ok()), (1, ended.1.is_ok())] {
            match ended {
                false => self.commit(number).await?,
                true => {
                    let batch = self.partitions[number].ahead.take();
                    let batch = batch.context("a batch that was sent")?;
                    self.committed(number, &batch)?;
                }
            }
        }
        Ok(())
    }

    /// Another host takes the partition, a little before its checkpoint, and knows no key.
    async fn restart(&mut self, number: usize) -> Result<()> {
        let back = self.random.random_range(0..6);
        let begin = (self.partitions[number].committed - back).max(0);
        let lease = &self.partitions[number].lease;
        let is_back = self.stage.set_back(lease, begin, back % 2 == 0).await?;
        ensure!(is_back, "the owner is fenced");
        let taken = self.stage.take(number as i32).await?;
        let (lease, committed) = (taken.lease, taken.next_offset);
        let chain = self.chain(number as i32, 64 << 20)?;
        self.tell(format_args!("{number} is taken from {committed}"));
        let partition = &mut self.partitions[number];
        (partition.lease, partition.committed) = (lease, committed);
        (partition.chain, partition.ahead) = (chain, None);
        Ok(())
    }

    async fn finish(&mut self, number: usize) -> Result<()> {
        while self.partitions[number].committed < self.partitions[number].events.len() as i64 {
            self.compute(number)?;
            self.commit(number).await?;
        }
        Ok(())
    }

    /// What waits as dead letters is tried again, as the process does. Returns whether any is used.
    async fn retry(&mut self, number: usize) -> Result<bool> {
        let letters: Vec<i64> = self.partitions[number].letters.iter().copied().collect();
        if letters.is_empty() {
            return Ok(false);
        }
        let mut chain = self.chain(number as i32, 64 << 20)?.of_letters();
        let partition = &mut self.partitions[number];
        let own = letters.iter().map(|o| (*o, &partition.events[*o as usize]));
        let mut batch = computed(&mut chain, own)?;
        let origin = RowOrigin {
            log: partition.lease.log,
            partition: number as i32,
        };
        let mut may_read = true;
        loop {
            let end = self
                .stage
                .replay(self.writer, origin, &letters, &batch)
                .await?;
            let refused = match end {
                ReplayEnd::Committed(_) => break,
                ReplayEnd::Overtaken(_) if std::mem::take(&mut may_read) => {
                    chain = self.chain(number as i32, 64 << 20)?;
                    chain = chain.of_letters().folding(letters.iter().copied());
                    let later = with_later(&self.partitions[number], &letters);
                    batch = computed(&mut chain, later.into_iter())?;
                    continue;
                }
                ReplayEnd::Overtaken(rows) | ReplayEnd::Refused(rows) => {
                    Stage::failed_letters(&rows, &batch, origin, &letters)
                }
            };
            let again = chain.exclude(batch, refused);
            batch = again.map_err(|uncomputed| anyhow::anyhow!("{}", uncomputed.fault))?;
        }
        wait_for_others(&batch)?;
        let left = batch.dead_letters.iter();
        let left = left.map(|letter| batch.records.offset(letter.record as usize));
        let left: BTreeSet<i64> = left.filter(|offset| letters.contains(offset)).collect();
        self.tell(format_args!(
            "{number}: letters {letters:?} are tried again, left {left:?}"
        ));
        let has_helped = left.len() < letters.len();
        self.partitions[number].letters = left;
        Ok(has_helped)
    }

    async fn judge(&self) -> Result<()> {
        let mut found = self.stage.shown(self.writer.table).await?;
        found.retain(|_, row| !row.is_deleted);
        let of_letters = self.partitions.iter().flat_map(|partition| {
            let letters = partition.letters.iter();
            letters.map(|offset| partition.events[*offset as usize].key)
        });
        let waiting: BTreeSet<i64> = of_letters.collect();
        for key in &waiting {
            let wanted = self.source.rows.get(key).and_then(|row| row[0].clone());
            let holder = found.iter().find(|(_, row)| row.cells[0] == wanted);
            // Where rows want each other's values none passes first: a limit that is told.
            let is_in_circle = holder.is_some_and(|(holder, _)| waiting.contains(holder));
            ensure!(
                wanted.is_some() && is_in_circle,
                "nothing helps the letters of {key}"
            );
        }
        let keys = found.keys().chain(self.source.rows.keys()).copied();
        for key in keys.collect::<BTreeSet<_>>().difference(&waiting) {
            let is = found
                .get(key)
                .map(|row| (&row.cells[..3], &row.unknown[..]));
            let should_be = self.source.rows.get(key).map(|row| (&row[..], &[][..]));
            ensure!(is == should_be, "{key} is {is:?} and not {should_be:?}");
        }
        Ok(())
    }
}

fn computed<'e>(
    chain: &mut Chain,
    events: impl Iterator<Item = (i64, &'e Event)>,
) -> Result<Computed> {
    let batch = chain.compute(records(events), NOW_US);
    batch.map_err(|uncomputed| anyhow::anyhow!("{}", uncomputed.fault))
}

/// What is not due is not tried again.
fn wait_for_others(batch: &Computed) -> Result<()> {
    let mut letters = batch.dead_letters.iter();
    let other = letters.find(|letter| !waits_for_others(letter));
    ensure!(
        other.is_none(),
        "a letter that waits for nothing: {other:?}"
    );
    Ok(())
}

/// The letters' events, and all later ones of their keys that are committed.
fn with_later<'p>(partition: &'p Partition, letters: &[i64]) -> Vec<(i64, &'p Event)> {
    let key = |offset: i64| partition.events[offset as usize].key;
    let keys: BTreeSet<i64> = letters.iter().map(|offset| key(*offset)).collect();
    let is_later = |offset: &i64| *offset < partition.committed && keys.contains(&key(*offset));
    let all = 0..partition.events.len() as i64;
    let first = letters.first().copied().unwrap_or_default();
    let later = all
        .skip(first as usize)
        .filter(|o| letters.contains(o) || is_later(o));
    later
        .map(|offset| (offset, &partition.events[offset as usize]))
        .collect()
}

#[tokio::test]
async fn values_that_move_end_where_the_source_has_them() -> Result<()> {
    let first = seed("moves");
    let how_many = match std::env::var(super::HOW_MANY) {
        Ok(text) => text
            .parse()
            .context("GRISTMILL_LIVES is a number of seeds")?,
        Err(_) => SEEDS,
    };
    let mut stage = Stage::new("lives_moves").await?;
    stage.connection.batch_execute(CONSTRAINTS).await?;
    let mut second = stage.fixture.connect().await?;
    for seed in first..first + how_many {
        let mut moves = Moves::new(seed, &mut stage, &mut second).await?;
        let played = moves.play().await;
        let told = std::mem::take(&mut moves.told);
        played.with_context(|| format!("GRISTMILL_SEED={seed} plays it again:\n{told}"))?;
    }
    Ok(())
}
