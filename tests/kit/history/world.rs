//! A topic, its hosts, and what is on its way between them and the store.

use std::collections::VecDeque;
use std::fmt::Write;

use anyhow::{Result, ensure};
use gristmill_core::chain::{Chain, Computed};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::event::{Event, records};
use super::people_rules::{self, Memory, NOW_US};
use super::store::{Answer, Claim, Store};
use super::verdict::{self, Read};

const PARTITIONS: usize = 2;
const HOSTS: usize = 3;
/// Enough for several take-overs of each partition, few enough to be read.
const STEPS: usize = 120;

/// What a seed allows to happen.
#[derive(Clone, Copy, Debug)]
struct Climate {
    /// Nothing makes a host forget: then the guard has nothing to do.
    is_calm: bool,
    is_forgetful: bool,
    memory: Memory,
    /// Keys are in several partitions.
    shares_keys: bool,
}

impl Climate {
    fn draw(random: &mut SmallRng) -> Self {
        let is_calm = random.random_bool(0.25);
        let is_forgetful = !is_calm && random.random_bool(0.4);
        Self {
            is_calm,
            is_forgetful,
            memory: Memory {
                ttl_us: if is_forgetful { 5_000 } else { i64::MAX / 4 },
                max_bytes: if is_forgetful { 200 } else { 64 << 20 },
            },
            shares_keys: !is_calm && random.random_bool(0.3),
        }
    }
}

/// Whether hosts forget keys in the history of `seed`.
pub(super) fn forgets(seed: u64) -> bool {
    Climate::draw(&mut SmallRng::seed_from_u64(seed)).is_forgetful
}

/// A host at work on a partition.
struct Working {
    claim: Claim,
    /// Names this work: a host that takes the partition again begins another one.
    number: usize,
    chain: Chain,
    ahead: VecDeque<Computed>,
    /// The next record to compute.
    next: i64,
    /// Where the checkpoint is, as far as this host knows.
    flushed: i64,
    is_flushing: bool,
}

/// A flush on its way.
struct Packet {
    host: usize,
    number: usize,
    claim: Claim,
    from: i64,
    computed: Computed,
}

pub(super) struct World<'s, S> {
    random: SmallRng,
    store: &'s mut S,
    climate: Climate,
    /// Each topic of the name, one after the other: its partitions' records.
    topics: Vec<[Vec<Event>; PARTITIONS]>,
    /// By host and partition.
    working: [[Option<Working>; PARTITIONS]; HOSTS],
    network: Vec<Packet>,
    works: usize,
    /// What was read of topics that are gone.
    read: Vec<Read>,
    told: String,
}

impl<'s, S: Store> World<'s, S> {
    pub(super) fn new(seed: u64, store: &'s mut S) -> Self {
        let mut random = SmallRng::seed_from_u64(seed);
        Self {
            climate: Climate::draw(&mut random),
            random,
            store,
            topics: vec![Default::default()],
            working: Default::default(),
            network: Vec::new(),
            works: 0,
            read: Vec::new(),
            told: String::new(),
        }
    }

    pub(super) fn told(&mut self) -> String {
        std::mem::take(&mut self.told)
    }

    /// Everything that happens, then everything that is left, then the verdict.
    pub(super) async fn play(&mut self) -> Result<()> {
        for _ in 0..STEPS {
            self.step().await?;
        }
        while !self.network.is_empty() {
            self.deliver().await?;
        }
        for partition in 0..PARTITIONS {
            self.finish(partition).await?;
        }
        let outcome = self.store.outcome().await?;
        let forgot = !self.climate.is_calm;
        verdict::judge(&self.read, &self.topics, &outcome, forgot)
    }

    async fn step(&mut self) -> Result<()> {
        let host = self.random.random_range(0..HOSTS);
        let partition = self.random.random_range(0..PARTITIONS);
        let host = if self.climate.is_calm {
            partition
        } else {
            host
        };
        match self.random.random_range(0..100) {
            0..15 => self.produce(partition),
            15..30 => self.take(host, partition).await?,
            30..55 => self.compute(host, partition)?,
            55..72 => self.send(host, partition),
            72..92 => self.deliver().await?,
            92..95 => self.swap(host, partition)?,
            95..97 => self.crash(host, partition),
            97 => self.halt(host, partition).await?,
            _ => self.make_again(),
        }
        Ok(())
    }

    fn tell(&mut self, line: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.told, "  {line}");
    }

    fn topic(&self) -> usize {
        self.topics.len() - 1
    }

    fn produce(&mut self, partition: usize) {
        let topic = self.topic();
        for _ in 0..self.random.random_range(1..6) {
            let offset = self.topics[topic][partition].len();
            let keys_from = match self.climate.shares_keys {
                true => 0,
                false => 10 * partition as i64,
            };
            let name = format!("t{topic} p{partition} o{offset}");
            let event = Event::draw(&mut self.random, name, keys_from);
            let Event {
                id, at_ms, name, ..
            } = &event;
            let line = format!("{partition}:{offset} of topic {topic}: {id} at {at_ms}: {name}");
            self.tell(format_args!("record {line}"));
            self.topics[topic][partition].push(event);
        }
    }

    /// The host takes the partition, whoever has it; that one goes on as a zombie.
    async fn take(&mut self, host: usize, partition: usize) -> Result<()> {
        if self.climate.is_calm && self.working[host][partition].is_some() {
            return Ok(());
        }
        let topic = self.topic();
        let mut claim = self.store.take(host, partition as i32, topic).await?;
        let (epoch, next) = (claim.epoch, claim.next_offset);
        self.tell(format_args!(
            "host {host} takes {partition}: epoch {epoch}, offset {next} of topic {}, log {}",
            claim.topic, claim.log
        ));
        self.working[host][partition] = None;
        if self.dies(host, "after it has taken") {
            return Ok(());
        }
        if claim.topic != topic {
            let Some(begun) = self.store.begin_anew(claim, topic).await? else {
                self.tell(format_args!("host {host} was too late to begin anew"));
                return Ok(());
            };
            self.tell(format_args!(
                "{partition} begins anew: topic {topic}, log {}",
                begun.log
            ));
            self.read.push(Read {
                topic: claim.topic,
                partition,
                log: claim.log,
                to: claim.next_offset.max(claim.counted_below),
            });
            claim = begun;
            if self.dies(host, "after it began anew") {
                return Ok(());
            }
        }
        self.works += 1;
        self.working[host][partition] = Some(Working {
            claim,
            number: self.works,
            chain: people_rules::chain(
                partition as i32,
                self.climate.memory,
                claim.event_time_max_us,
            )?,
            ahead: VecDeque::new(),
            next: claim.next_offset,
            flushed: claim.next_offset,
            is_flushing: false,
        });
        Ok(())
    }

    fn dies(&mut self, host: usize, when: &str) -> bool {
        let dies = !self.climate.is_calm && self.random.random_bool(0.1);
        if dies {
            self.tell(format_args!("host {host} dies {when}"));
        }
        dies
    }

    fn compute(&mut self, host: usize, partition: usize) -> Result<()> {
        let topic = self.topic();
        let rows = self.random.random_range(1..6);
        let Some(working) = &mut self.working[host][partition] else {
            return Ok(());
        };
        if working.claim.topic != topic {
            self.working[host][partition] = None;
            self.tell(format_args!(
                "host {host} finds that {partition} is of another topic"
            ));
            return Ok(());
        }
        let events = &self.topics[topic][partition];
        let from = working.next;
        let to = (from as usize + rows).min(events.len());
        if from as usize >= to {
            return Ok(());
        }
        // A batch is counted whole, or not at all.
        let counted = working.claim.counted_below;
        let to = if from < counted {
            to.min(counted as usize)
        } else {
            to
        };
        let records = records(&events[from as usize..to], from);
        let computed = working.chain.compute(records, NOW_US);
        let computed = computed.map_err(|uncomputed| anyhow::anyhow!("{}", uncomputed.fault))?;
        working.next = computed.next_offset;
        let counts = computed.counts;
        working.ahead.push_back(computed);
        self.tell(format_args!(
            "host {host} computes {partition}:{from}..{to}: {} rows, {} superseded, {} letters",
            counts.rows, counts.superseded, counts.dead_letters
        ));
        Ok(())
    }

    fn send(&mut self, host: usize, partition: usize) {
        let Some(working) = &mut self.working[host][partition] else {
            return;
        };
        if working.is_flushing {
            return;
        }
        let Some(computed) = working.ahead.pop_front() else {
            return;
        };
        working.is_flushing = true;
        let packet = Packet {
            host,
            number: working.number,
            claim: working.claim,
            from: working.flushed,
            computed,
        };
        let (from, epoch) = (packet.from, packet.claim.epoch);
        let to = packet.computed.next_offset;
        self.network.push(packet);
        self.tell(format_args!(
            "host {host} sends {partition}:{from}..{to}, epoch {epoch}"
        ));
    }

    /// A flush arrives or does not, and so does its answer.
    async fn deliver(&mut self) -> Result<()> {
        if self.network.is_empty() {
            return Ok(());
        }
        let packet = self.random.random_range(0..self.network.len());
        let packet = self.network.swap_remove(packet);
        let (host, from, to) = (packet.host, packet.from, packet.computed.next_offset);
        let what = format!("{}:{from}..{to} of host {host}", packet.claim.partition);
        match self.random.random_range(0..20) {
            0 if !self.climate.is_calm => {
                self.tell(format_args!("{what} is lost on its way"));
                self.end_work(&packet);
                return Ok(());
            }
            1 => {
                self.tell(format_args!("{what} is rolled back"));
                self.roll_back(&packet);
                return Ok(());
            }
            _ => {}
        }
        let answer = self
            .store
            .flush(packet.claim, from, &packet.computed)
            .await?;
        let told = match &answer {
            Answer::Committed => "committed".to_owned(),
            Answer::Fenced => "fenced".to_owned(),
            Answer::Refused(letters) => format!("refused for {} rows", letters.len()),
        };
        if !self.climate.is_calm && self.random.random_bool(0.1) {
            self.tell(format_args!("{what}: {told}, and the answer is lost"));
            self.end_work(&packet);
            return Ok(());
        }
        self.tell(format_args!("{what}: {told}"));
        self.answered(packet, answer)
    }

    /// The work that sent `packet`, where its host is still at it.
    fn work_of(&mut self, packet: &Packet) -> Option<&mut Working> {
        let working = &mut self.working[packet.host][packet.claim.partition as usize];
        working.as_mut().filter(|w| w.number == packet.number)
    }

    /// A host that does not know what became of its flush takes the partition again.
    fn end_work(&mut self, packet: &Packet) {
        if self.work_of(packet).is_some() {
            self.working[packet.host][packet.claim.partition as usize] = None;
        }
    }

    fn roll_back(&mut self, packet: &Packet) {
        if let Some(working) = self.work_of(packet) {
            working.is_flushing = false;
            working.chain.forget_uncommitted();
            working.ahead.clear();
            working.next = working.flushed;
        }
    }

    fn answered(&mut self, packet: Packet, answer: Answer) -> Result<()> {
        let Some(working) = self.work_of(&packet) else {
            return Ok(());
        };
        working.is_flushing = false;
        match answer {
            Answer::Committed => {
                working.chain.committed(&packet.computed);
                working.flushed = packet.computed.next_offset;
            }
            Answer::Fenced => self.end_work(&packet),
            Answer::Refused(refused) => {
                let letters = packet.computed.counts.dead_letters;
                let again = working.chain.exclude(packet.computed, refused);
                let again = again.map_err(|uncomputed| anyhow::anyhow!("{}", uncomputed.fault))?;
                ensure!(
                    again.counts.dead_letters > letters,
                    "a refused row came back"
                );
                working.next = again.next_offset;
                working.ahead.clear();
                working.ahead.push_back(again);
            }
        }
        Ok(())
    }

    /// Other rules take over what is known and what is ahead.
    fn swap(&mut self, host: usize, partition: usize) -> Result<()> {
        let memory = self.climate.memory;
        let Some(working) = &mut self.working[host][partition] else {
            return Ok(());
        };
        let mut chain = people_rules::chain(partition as i32, memory, None)?;
        ensure!(
            chain.take_over(&mut working.chain),
            "nothing was handed over"
        );
        working.chain = chain;
        self.tell(format_args!("host {host} changes the rules of {partition}"));
        Ok(())
    }

    /// What it sent may arrive all the same.
    fn crash(&mut self, host: usize, partition: usize) {
        if !self.climate.is_calm && self.working[host][partition].take().is_some() {
            self.tell(format_args!("host {host} drops {partition}"));
        }
    }

    /// The host finds that records were left out, and halts before them; or it has no say any more.
    async fn halt(&mut self, host: usize, partition: usize) -> Result<()> {
        if self.climate.is_calm {
            return Ok(());
        }
        let back = self.random.random_range(0..8);
        let Some(working) = self.working[host][partition].take() else {
            return Ok(());
        };
        let offset = (working.flushed - back).max(0);
        let has_halted = self.store.halt_before(working.claim, offset).await?;
        self.tell(format_args!(
            "host {host} halts {partition} before {offset}: {has_halted}"
        ));
        Ok(())
    }

    fn make_again(&mut self) {
        if !self.climate.is_calm && self.topics.len() < 4 {
            self.topics.push(Default::default());
            let topic = self.topic();
            self.tell(format_args!("the topic is made again: topic {topic}"));
        }
    }

    /// One host reads the partition to its end, undisturbed.
    async fn finish(&mut self, partition: usize) -> Result<()> {
        if !self.climate.is_calm {
            self.working[partition][partition] = None;
        }
        let was_calm = std::mem::replace(&mut self.climate.is_calm, true);
        self.take(partition, partition).await?;
        let end = self.topics[self.topic()][partition].len() as i64;
        while self.working[partition][partition]
            .as_ref()
            .map(|w| w.flushed)
            != Some(end)
        {
            self.take(partition, partition).await?;
            self.compute(partition, partition)?;
            self.send(partition, partition);
            self.deliver().await?;
        }
        self.climate.is_calm = was_calm;
        if let Some(working) = &self.working[partition][partition] {
            let Claim { topic, log, .. } = working.claim;
            self.read.push(Read {
                topic,
                partition,
                log,
                to: end,
            });
        }
        Ok(())
    }
}
