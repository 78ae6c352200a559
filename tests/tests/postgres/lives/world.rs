//! What happens to the partitions of a topic, and to who writes them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write;
use std::ops::Range;

use anyhow::{Result, bail, ensure};
use gristmill_core::chain::{Chain, Computed};
use gristmill_core::dedup::VersionKind;
use gristmill_postgres::commit::lease::{Lease, Taken};
use gristmill_postgres::commit::row_origin::RowOrigin;
use gristmill_postgres::letters::replay_commit::ReplayEnd;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::climate::Climate;
use super::event::{Cell, Event, FORBIDDEN, REJECTED, What, records};
use super::fold::{Fold, Given, Table, Unread, Version, agree};
use super::rules::{NOW_US, Revision};
use super::stage::{Flushed, Stage, Writer};

const STEPS: usize = 32;
/// A partition and who works on it.
struct Partition {
    lease: Lease,
    /// Of the topic that there is now.
    events: Vec<Event>,
    chain: Chain,
    /// Index into the two.
    revision: usize,
    /// Each with the revision that computed it.
    ahead: VecDeque<(Computed, usize)>,
    /// The next offset to compute, and the next to commit.
    next: i64,
    committed: i64,
    /// Records below it are counted already.
    counted_below: i64,
    is_paused: bool,
    has_truncate: bool,
}

pub(super) struct World<'s> {
    random: SmallRng,
    /// By itself, which events cannot be read.
    unread: SmallRng,
    stage: &'s mut Stage,
    climate: Climate,
    table: usize,
    is_hard: bool,
    partitions: Vec<Partition>,
    topics: usize,
    clock: i64,
    /// Each committed batch, event by event.
    expected: Fold,
    /// Everything that committed, with who wrote it first, by log, partition and offset.
    all: BTreeMap<(i32, i32, i64), Given>,
    /// What the rules rejected, by the same.
    letters: BTreeMap<(i32, i32, i64), Event>,
    /// Whether the end may hang on which commit came first.
    hangs_on_commits: bool,
    told: String,
}

impl<'s> World<'s> {
    pub(super) fn new(seed: u64, stage: &'s mut Stage) -> Self {
        let mut random = SmallRng::seed_from_u64(seed);
        let climate = Climate::draw(&mut random);
        let is_hard = random.random_bool(0.4);
        let table = random.random_range(0..2);
        let unread = SmallRng::seed_from_u64(!seed);
        let mut world = Self {
            unread,
            hangs_on_commits: !climate.in_order || climate.shares_keys,
            random,
            stage,
            table,
            is_hard,
            partitions: Vec::new(),
            topics: 1,
            clock: 0,
            expected: Fold::new(match is_hard {
                true => gristmill_core::chain::Delete::Hard,
                false => gristmill_core::chain::Delete::Soft,
            }),
            all: BTreeMap::new(),
            letters: BTreeMap::new(),
            told: String::new(),
            climate,
        };
        let (climate, hard) = (world.climate.clone(), world.is_hard);
        world.tell(format_args!(
            "{climate:?}, hard deletes: {hard}, table {table}"
        ));
        world
    }

    pub(super) fn told(&mut self) -> String {
        std::mem::take(&mut self.told)
    }

    fn tell(&mut self, line: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.told, "  {line}");
    }

    /// Everything that happens, then everything that is left.
    pub(super) async fn play(&mut self) -> Result<()> {
        self.stage.forget().await?;
        for _ in 0..self.random.random_range(1..3) {
            self.add_partition().await?;
        }
        for _ in 0..STEPS {
            self.step().await?;
        }
        for partition in 0..self.partitions.len() {
            if self.partitions[partition].is_paused {
                self.restart(partition).await?;
            }
            while self.partitions[partition].committed < self.end(partition) {
                self.compute(partition)?;
                self.commit(partition).await?;
            }
        }
        self.replay().await?;
        self.judge().await?;
        let (counted, all) = (self.stage.counted().await?, self.all.len());
        ensure!(
            counted == all as i64,
            "{counted} of {all} records are counted"
        );
        self.judge_all()
    }

    async fn step(&mut self) -> Result<()> {
        let partition = self.random.random_range(0..self.partitions.len());
        match self.random.random_range(0..100) {
            0..28 => self.produce(partition),
            28..53 => self.compute(partition)?,
            53..80 => self.commit(partition).await?,
            80..82 => self.lose(partition),
            82 => self.pause(partition).await?,
            83..90 => self.restart(partition).await?,
            90..94 => self.swap(partition).await?,
            94..96 => self.make_again().await?,
            96..98 => self.replay().await?,
            _ if self.climate.may_add_partitions && self.partitions.len() < 3 => {
                self.hangs_on_commits = true;
                self.add_partition().await?;
            }
            _ => {}
        }
        Ok(())
    }

    fn writer(&self, revision: usize) -> Writer {
        Writer {
            table: self.table,
            revision: self.climate.revisions[revision],
            is_hard: self.is_hard,
        }
    }

    fn new_chain(&self, partition: usize, revision: usize) -> Result<Chain> {
        let writer = self.writer(revision);
        let max_bytes = self.climate.state_max_bytes;
        let delete = writer.delete();
        writer
            .revision
            .chain(partition as i32, delete, max_bytes, true)
    }

    fn end(&self, partition: usize) -> i64 {
        self.partitions[partition].events.len() as i64
    }

    async fn add_partition(&mut self) -> Result<()> {
        let number = self.partitions.len();
        let taken = self.stage.take(number as i32).await?;
        let chain = self.new_chain(number, 0)?;
        self.tell(format_args!("partition {number} is there"));
        self.partitions.push(Partition {
            lease: taken.lease,
            events: Vec::new(),
            chain,
            revision: 0,
            ahead: VecDeque::new(),
            next: taken.next_offset,
            committed: taken.next_offset,
            counted_below: taken.counted_below,
            is_paused: false,
            has_truncate: false,
        });
        Ok(())
    }

    fn produce(&mut self, partition: usize) {
        for _ in 0..self.random.random_range(1..6) {
            let event = self.event(partition);
            let again = self.climate.in_order && self.random.random_bool(0.08);
            self.push(partition, event);
            // The source starts again a little before its end.
            let events = &self.partitions[partition].events;
            let from = events.len() - self.random.random_range(0..5).min(events.len());
            let by_place = |r: &Revision| r.version.kind == VersionKind::Offset;
            if again
                && !self.climate.revisions.iter().any(by_place)
                && self.climate.revisions[0].version == self.climate.revisions[1].version
            {
                let twice: Vec<Event> = events[from..].to_vec();
                for event in twice.into_iter().filter(|e| e.what != What::Truncate) {
                    self.push(partition, event);
                }
            }
        }
    }

    fn push(&mut self, partition: usize, event: Event) {
        let offset = self.end(partition);
        let Event {
            what,
            key,
            at,
            seq,
            cells,
            is_unread,
            ..
        } = &event;
        let unread = if *is_unread { "unread " } else { "" };
        let line = format!(
            "{partition}:{offset}: {unread}{what:?} of {key}, at {at}, seq {seq:?}: {cells:?}"
        );
        self.tell(format_args!("{line}"));
        self.partitions[partition].events.push(event);
    }

    fn event(&mut self, partition: usize) -> Event {
        self.clock += 1;
        let clock = self.clock;
        let partitions = self.partitions.len() as i64;
        let random = &mut self.random;
        let key = random.random_range(0..self.climate.keys);
        let key = match self.climate.shares_keys {
            true => key,
            // As a hash of the key says, which an added partition changes.
            false => key * partitions + partition as i64,
        };
        let (at, seq) = match self.climate.in_order {
            true => (clock, Some(clock)),
            false => (
                random.random_range(1..40),
                random.random_bool(0.85).then(|| random.random_range(0..20)),
            ),
        };
        let what = match random.random_range(0..20) {
            0..5 => What::Delete,
            5 if self.climate.truncates && !self.partitions[partition].has_truncate => {
                self.partitions[partition].has_truncate = true;
                self.hangs_on_commits |= partitions > 1 || self.climate.may_add_partitions;
                What::Truncate
            }
            _ => What::Row,
        };
        let is_row = what == What::Row;
        let is_whole = random.random_bool(0.15);
        let mut cell = |bad: &str, may_be_null: bool| -> Cell {
            match random.random_range(0..24) {
                0..12 if !is_whole => None,
                12 if is_row => Some(Some(bad.to_owned())),
                13..15 if may_be_null => Some(None),
                _ => Some(Some(format!("{bad:.1}{}", random.random_range(0..100)))),
            }
        };
        let cells = [
            cell(REJECTED, true),
            cell("b", true),
            cell(FORBIDDEN, false),
        ];
        Event {
            what,
            key,
            at,
            seq,
            recorded: clock,
            cells,
            is_unread: what != What::Truncate && self.unread.random_bool(0.06),
        }
    }

    fn compute(&mut self, number: usize) -> Result<()> {
        let rows = self.random.random_range(0..self.climate.batch) as i64 + 1;
        let partition = &mut self.partitions[number];
        let from = partition.next;
        let to = (from + rows).min(partition.events.len() as i64);
        if from >= to || partition.is_paused {
            return Ok(());
        }
        // A batch is counted whole, or not at all.
        let counted = partition.counted_below;
        let to = if from < counted { to.min(counted) } else { to };
        let events = (from..to).map(|o| (o, &partition.events[o as usize]));
        let computed = partition.chain.compute(records(events), NOW_US);
        let computed = computed.map_err(|uncomputed| anyhow::anyhow!("{}", uncomputed.fault))?;
        partition.next = to;
        let earlier = computed.earlier.len();
        partition.ahead.push_back((computed, partition.revision));
        self.tell(format_args!(
            "{number}:{from}..{to} is computed: {earlier} layers below"
        ));
        Ok(())
    }

    async fn commit(&mut self, number: usize) -> Result<()> {
        let Some((mut computed, mut revision)) = self.partitions[number].ahead.pop_front() else {
            return Ok(());
        };
        loop {
            let writer = self.writer(revision);
            let partition = &mut self.partitions[number];
            let (lease, from) = (&partition.lease, partition.committed);
            match self.stage.flush(writer, lease, from, &mut computed).await? {
                Flushed::Committed => break,
                Flushed::Fenced => bail!("the owner is fenced"),
                Flushed::Refused(letters) => {
                    let before = computed.counts.dead_letters;
                    let again = partition.chain.exclude(computed, letters);
                    computed = again.map_err(|e| anyhow::anyhow!("{}", e.fault))?;
                    ensure!(
                        computed.counts.dead_letters > before,
                        "a refused row came back"
                    );
                    partition.ahead.clear();
                    (partition.next, revision) = (computed.next_offset, partition.revision);
                }
            }
        }
        let (from, to) = (self.partitions[number].committed, computed.next_offset);
        self.tell(format_args!(
            "{number}:{from}..{to} is committed by revision {revision}"
        ));
        let partition = &mut self.partitions[number];
        partition.chain.committed(&computed);
        partition.committed = to;
        self.learn_letters(number, &computed);
        let letters = computed.dead_letters.iter();
        let letters = letters.map(|l| computed.records.offset(l.record as usize));
        self.expect(number, from..to, revision, letters.collect());
        // Not each time, as looking takes as long as committing.
        match self.random.random_bool(0.25) {
            true => self.judge().await,
            false => Ok(()),
        }
    }

    fn learn_letters(&mut self, number: usize, computed: &Computed) {
        let partition = &self.partitions[number];
        let rejected = computed.dead_letters.iter().filter(|l| l.code == REJECTED);
        for letter in rejected {
            let offset = computed.records.offset(letter.record as usize);
            let place = (partition.lease.log, number as i32, offset);
            let event = partition.events[offset as usize].clone();
            self.letters.insert(place, event);
        }
    }

    /// The events of a batch, by version. `letters`: offsets of what cannot be used, where another
    /// revision than the one that goes on may have found it so.
    fn expect(&mut self, number: usize, batch: Range<i64>, revision: usize, letters: Vec<i64>) {
        let partition = &self.partitions[number];
        let place = (partition.lease.log, number as i32);
        let revision = self.climate.revisions[revision];
        let (offsets, to) = (batch.clone(), batch.end);
        let mut batch = Vec::new();
        for offset in offsets {
            let event = &partition.events[offset as usize];
            let is_gone = self.is_hard && event.what == What::Delete;
            let is_rejected = event.is_rejected() && !is_gone;
            let is_refused = revision.writes_c || letters.contains(&offset);
            let is_bad = is_rejected || event.is_refused() && is_refused;
            let version = Version::new(revision.version, event, place, offset);
            let given = Given::new(event, version, revision);
            let unread = Unread {
                until: to,
                is_in_order: self.climate.in_order,
            };
            let given = match is_bad && event.what != What::Truncate {
                _ if event.is_unread => given.unread(unread),
                true => given.lost(),
                false => given,
            };
            let place = (place.0, place.1, offset);
            self.all.entry(place).or_insert_with(|| given.clone());
            batch.push(given);
        }
        // What was not read has no version: it leaves unknown what the others do not say.
        batch.sort_by(|a, b| {
            let by_version = || a.version.cmp_in_batch(&b.version);
            a.is_unread().cmp(&b.is_unread()).then_with(by_version)
        });
        batch.iter().for_each(|given| self.expected.apply(given));
    }

    async fn judge(&self) -> Result<()> {
        let (found, expected) = (self.stage.shown(self.table).await?, self.expected.shown());
        ensure_same("the table", &found, &expected)
    }

    /// Where all events of a key came in order, how they were cut, lost and sent again says
    /// nothing.
    fn judge_all(&self) -> Result<()> {
        let [one, other] = self.climate.revisions;
        if self.hangs_on_commits || one != other {
            return Ok(());
        }
        let mut all = Fold::new(self.writer(0).delete());
        self.all.values().for_each(|given| all.apply(given));
        ensure_same("of all at once", &all.shown(), &self.expected.shown())
    }

    /// A rolled back flush.
    fn lose(&mut self, number: usize) {
        let partition = &mut self.partitions[number];
        partition.chain.forget_uncommitted();
        partition.ahead.clear();
        partition.next = partition.committed;
        self.tell(format_args!("{number}: what is not committed is lost"));
    }

    /// Somebody asks for it; what is not committed is dropped.
    async fn pause(&mut self, number: usize) -> Result<()> {
        self.lose(number);
        let is_paused = self.stage.pause(&self.partitions[number].lease).await?;
        ensure!(is_paused, "the owner is fenced");
        self.partitions[number].is_paused = true;
        Ok(())
    }

    /// Another host takes the partition, perhaps a little before its checkpoint, and knows no key.
    /// What was on its way is fenced.
    async fn restart(&mut self, number: usize) -> Result<()> {
        let back = self.random.random_range(0..8) * i64::from(self.random.random_bool(0.5));
        let begin = (self.partitions[number].committed - back).max(0);
        let halts = self.random.random_bool(0.3);
        let lease = &self.partitions[number].lease;
        let is_back = self.stage.set_back(lease, begin, halts).await?;
        ensure!(is_back, "the owner is fenced");
        let Taken {
            lease,
            next_offset: next,
            counted_below,
            ..
        } = self.stage.take(number as i32).await?;
        let revision = self.partitions[number].revision;
        let chain = self.new_chain(number, revision)?;
        let partition = &mut self.partitions[number];
        let zombie = std::mem::replace(&mut partition.lease, lease);
        partition.lease.log = zombie.log;
        partition.chain = chain;
        let on_its_way = partition.ahead.pop_front();
        let from = partition.committed;
        partition.ahead.clear();
        (partition.next, partition.committed) = (next, next);
        (partition.counted_below, partition.is_paused) = (counted_below, false);
        let is_back = self.stage.set_back(&zombie, 0, halts).await?;
        ensure!(!is_back, "a zombie sets the checkpoint back");
        self.tell(format_args!(
            "{number} is taken by a host that knows nothing, from {next}"
        ));
        if let Some((mut computed, revision)) = on_its_way {
            let writer = self.writer(revision);
            let flushed = self
                .stage
                .flush(writer, &zombie, from, &mut computed)
                .await?;
            // What Postgres refuses it refuses a zombie, too.
            ensure!(!matches!(flushed, Flushed::Committed), "a zombie commits");
            self.judge().await?;
        }
        Ok(())
    }

    /// The other revision goes on. What is known of the keys goes along where they tell versions by
    /// the same rule.
    async fn swap(&mut self, number: usize) -> Result<()> {
        let [one, other] = self.climate.revisions;
        let revision = 1 - self.partitions[number].revision;
        let mut chain = self.new_chain(number, revision)?;
        let partition = &mut self.partitions[number];
        partition.revision = revision;
        let is_handed_over = chain.take_over(&mut partition.chain);
        ensure!(
            is_handed_over == (one.version == other.version),
            "what is known went along: {is_handed_over}"
        );
        partition.chain = chain;
        if !is_handed_over {
            partition.ahead.clear();
            partition.next = partition.committed;
        }
        self.tell(format_args!("{number}: revision {revision} goes on"));
        Ok(())
    }

    /// The topic is made again, once. What was not read is a declared gap.
    async fn make_again(&mut self) -> Result<()> {
        if self.topics > 1 {
            return Ok(());
        }
        self.topics += 1;
        for number in 0..self.partitions.len() {
            let Partition {
                lease, committed, ..
            } = &self.partitions[number];
            let log = self.stage.begin_anew(lease, *committed, "second").await?;
            let revision = self.partitions[number].revision;
            let chain = self.new_chain(number, revision)?;
            let partition = &mut self.partitions[number];
            partition.lease.log = log;
            partition.chain = chain;
            partition.events.clear();
            partition.ahead.clear();
            (partition.next, partition.committed) = (0, 0);
            (partition.counted_below, partition.is_paused) = (0, false);
        }
        self.tell(format_args!("the topic is made again"));
        Ok(())
    }

    /// Mended rules read the dead letters of a log and partition.
    async fn replay(&mut self) -> Result<()> {
        let Some((&(log, number, _), _)) = self.letters.first_key_value() else {
            return Ok(());
        };
        self.hangs_on_commits = true;
        let place = (log, number, 0)..(log, number, i64::MAX);
        let revision = self.partitions[number as usize].revision;
        let writer = self.writer(revision);
        let (delete, max_bytes) = (writer.delete(), self.climate.state_max_bytes);
        let chain = writer.revision.chain(number, delete, max_bytes, false)?;
        let letters: BTreeMap<_, _> = self.letters.range(place).collect();
        let events = letters.iter().map(|(place, event)| (place.2, *event));
        let computed = chain.of_letters().compute(records(events), NOW_US);
        let computed = computed.map_err(|uncomputed| anyhow::anyhow!("{}", uncomputed.fault))?;
        let mut given: Vec<Given> = Vec::new();
        for ((log, number, offset), event) in &letters {
            let place = (*log, *number);
            let version = Version::new(writer.revision.version, event, place, *offset);
            given.push(Given::new(event, version, writer.revision));
        }
        let places: Vec<_> = letters.into_keys().copied().collect();
        let origin = RowOrigin {
            log,
            partition: number,
        };
        let offsets: Vec<i64> = places
            .iter()
            .map(|place: &(i32, i32, i64)| place.2)
            .collect();
        let end = self
            .stage
            .replay(writer, origin, &offsets, &computed)
            .await?;
        let is_replayed = matches!(end, ReplayEnd::Committed(_));
        self.tell(format_args!(
            "dead letters {places:?}: replayed {is_replayed}"
        ));
        places
            .iter()
            .for_each(|place| _ = self.letters.remove(place));
        if is_replayed {
            given.sort_by(|a, b| a.version.cmp_in_batch(&b.version));
            given.iter().for_each(|given| self.expected.apply(given));
        }
        Ok(())
    }
}

/// Names the keys that are not.
fn ensure_same(what: &str, found: &Table, expected: &Table) -> Result<()> {
    let mut differences = String::new();
    let keys: BTreeSet<_> = found.keys().chain(expected.keys()).collect();
    for key in keys {
        let (is, should_be) = (found.get(key), expected.get(key));
        if !agree(is, should_be) {
            let _ = writeln!(differences, "{key} is {is:?}\nand not {should_be:?}");
        }
    }
    ensure!(differences.is_empty(), "{what}: {differences}");
    Ok(())
}
