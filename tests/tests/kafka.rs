//! The source, the admin questions and the producers against a real broker.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use gristmill::kafka::admin::{Admin, AdminError};
use gristmill::kafka::instance::Instance;
use gristmill::kafka::producer::{DeadLetterProducer, EventProducer, Letter, VALUE_OMITTED};
use gristmill::kafka::{
    Assignments, Chunk, Intake, Position, Source, SourceConfig, SourceFault, TopicPartition, feed,
};
use gristmill_core::record::Records;
use gristmill_tests::kafka::Kafka;
use gristmill_tests::process::{Process, wait_until};
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

/// For anything that must happen at all; a machine whose cores are all compiling is slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the owner of a source was told.
#[derive(Debug)]
enum Told {
    Assigned(TopicPartition, Intake),
    Paused(TopicPartition),
    Revoked(TopicPartition),
    Lost,
    Fault(SourceFault),
}

/// Starts each partition where `start` says; `None` pauses it.
struct Owner<F> {
    start: F,
    told: mpsc::Sender<Told>,
}

impl<F: FnMut(&TopicPartition) -> Option<i64> + Send> Assignments for Owner<F> {
    fn assigned(&mut self, partitions: &[TopicPartition]) -> Vec<Position> {
        let mut positions = Vec::new();
        for p in partitions {
            let told = match (self.start)(p) {
                None => {
                    positions.push(Position::Paused);
                    Told::Paused(p.clone())
                }
                Some(next_offset) => {
                    let (feed, intake) = feed();
                    positions.push(Position::Start { next_offset, feed });
                    Told::Assigned(p.clone(), intake)
                }
            };
            let _ = self.told.send(told);
        }
        positions
    }

    fn revoked(&mut self, partitions: &[TopicPartition]) {
        for p in partitions {
            let _ = self.told.send(Told::Revoked(p.clone()));
        }
    }

    fn lost(&mut self, partitions: &[TopicPartition]) {
        for _ in partitions {
            let _ = self.told.send(Told::Lost);
        }
    }

    fn fault(&mut self, fault: SourceFault) {
        let _ = self.told.send(Told::Fault(fault));
    }
}

fn source<F>(config: &SourceConfig, start: F) -> Result<(Source, mpsc::Receiver<Told>)>
where
    F: FnMut(&TopicPartition) -> Option<i64> + Send + 'static,
{
    let (told, receiver) = mpsc::channel();
    Ok((Source::start(config, Owner { start, told })?, receiver))
}

fn assigned(told: &mpsc::Receiver<Told>) -> Result<(TopicPartition, Intake)> {
    match told.recv_timeout(PATIENCE)? {
        Told::Assigned(partition, intake) => Ok((partition, intake)),
        other => bail!("expected an assignment, got {other:?}"),
    }
}

fn fault(told: &mpsc::Receiver<Told>) -> Result<SourceFault> {
    match told.recv_timeout(PATIENCE)? {
        Told::Fault(fault) => Ok(fault),
        other => bail!("expected a fault, got {other:?}"),
    }
}

/// The next chunk, within [`PATIENCE`]; `None` when the feed ended.
fn next(intake: &mut Intake) -> Result<Option<Chunk>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    runtime
        .block_on(async { tokio::time::timeout(PATIENCE, intake.recv()).await })
        .context("no chunk came")
}

/// Everything up to the partition's end.
fn read(intake: &mut Intake) -> Result<Records> {
    let mut all = Records::default();
    loop {
        let chunk = next(intake)?.context("the feed ended")?;
        all.append(&chunk.records, 0..chunk.records.len());
        if chunk.caught_up {
            return Ok(all);
        }
    }
}

fn offsets(records: &Records) -> Vec<i64> {
    records.iter().map(|r| r.offset).collect()
}

/// Appends `count` messages with their number as value.
fn produce(
    kafka: &Kafka,
    topic: &str,
    partition: i32,
    numbers: std::ops::Range<u64>,
) -> Result<()> {
    let producer = plain_producer(kafka)?;
    for number in numbers {
        let value = number.to_string();
        let record = BaseRecord::<(), str>::to(topic)
            .partition(partition)
            .payload(&value);
        producer.send(record).map_err(|(e, _)| e)?;
    }
    Ok(producer.flush(PATIENCE)?)
}

fn plain_producer(kafka: &Kafka) -> Result<BaseProducer> {
    Ok(ClientConfig::new()
        .set("bootstrap.servers", kafka.bootstrap())
        .create()?)
}

fn topic(kafka: &Kafka, name: &str, partitions: i32) -> Result<SourceConfig> {
    kafka.create_topic(name, partitions, &[])?;
    Ok(SourceConfig::new(&kafka.bootstrap(), &[name], name))
}

#[test]
fn fetching_starts_at_the_offset_that_the_owner_answers() -> Result<()> {
    let kafka = Kafka::shared()?;
    let config = topic(kafka, "explicit", 2)?;
    produce(kafka, "explicit", 0, 0..10)?;
    produce(kafka, "explicit", 1, 0..10)?;
    // Kafka's own committed offsets are a hint that must not be read: commit other ones first.
    let (hinting, told) = source(&config, |_| Some(0))?;
    for _ in 0..2 {
        let (partition, mut intake) = assigned(&told)?;
        read(&mut intake)?;
        hinting.hint(partition, 5);
    }
    std::thread::sleep(Duration::from_millis(300));
    hinting.stop();
    let (source, told) = source(&config, |p| Some(if p.partition == 0 { 7 } else { 10 }))?;
    for _ in 0..2 {
        let (partition, mut intake) = assigned(&told)?;
        let expected: &[i64] = if partition.partition == 0 {
            &[7, 8, 9]
        } else {
            &[]
        };
        assert_eq!(offsets(&read(&mut intake)?), expected);
    }
    source.stop();
    Ok(())
}

#[test]
fn a_restart_ends_the_old_feed_and_reads_again_from_the_offset() -> Result<()> {
    let kafka = Kafka::shared()?;
    let config = topic(kafka, "restart", 1)?;
    produce(kafka, "restart", 0, 0..20_000)?;
    let (source, told) = source(&config, |_| Some(0))?;
    let (partition, mut old) = assigned(&told)?;
    assert_eq!(next(&mut old)?.context("ended")?.records.get(0).offset, 0);
    for start in [19_990, 5, 12_345, 0] {
        let (feed, mut intake) = feed();
        source.restart(partition.clone(), start, feed);
        let mut expected = start;
        while expected < 20_000 {
            for record in next(&mut intake)?.context("ended")?.records.iter() {
                assert_eq!(record.offset, expected);
                expected += 1;
            }
        }
        // Whatever the old feed still holds ends; nothing read later gets into it.
        while next(&mut old)?.is_some() {}
        old = intake;
    }
    source.halt(partition.clone());
    while next(&mut old)?.is_some() {}
    produce(kafka, "restart", 0, 0..3)?;
    let (feed, mut intake) = feed();
    source.restart(partition, 20_001, feed);
    assert_eq!(offsets(&read(&mut intake)?), [20_001, 20_002]);
    source.stop();
    Ok(())
}

#[test]
fn a_paused_partition_stays_until_it_is_restarted_and_the_others_go_on() -> Result<()> {
    let kafka = Kafka::shared()?;
    let config = topic(kafka, "paused", 2)?;
    produce(kafka, "paused", 0, 0..5)?;
    produce(kafka, "paused", 1, 0..5)?;
    let (source, told) = source(&config, |p| (p.partition == 1).then_some(0))?;
    let mut seen = Vec::new();
    for _ in 0..2 {
        match told.recv_timeout(PATIENCE)? {
            Told::Assigned(p, mut intake) => {
                assert_eq!((p.partition, read(&mut intake)?.len()), (1, 5));
            }
            Told::Paused(p) => seen.push(p),
            other => bail!("{other:?}"),
        }
    }
    let (feed, mut intake) = feed();
    source.restart(seen.remove(0), 2, feed);
    assert_eq!(offsets(&read(&mut intake)?), [2, 3, 4]);
    source.stop();
    let mut revoked = 0;
    while let Ok(Told::Revoked(_)) = told.recv_timeout(Duration::from_secs(1)) {
        revoked += 1;
    }
    assert_eq!(revoked, 2);
    Ok(())
}

#[test]
fn an_offset_that_kafka_does_not_have_is_reported_and_never_reset() -> Result<()> {
    let kafka = Kafka::shared()?;
    let config = topic(kafka, "gap", 2)?;
    produce(kafka, "gap", 0, 0..10)?;
    produce(kafka, "gap", 1, 0..10)?;
    kafka.delete_records("gap", 0, 4)?;
    let (source, told) = source(&config, |p| Some(if p.partition == 0 { 2 } else { 0 }))?;
    let mut intakes: BTreeMap<_, _> = [assigned(&told)?, assigned(&told)?].into();
    let expected = SourceFault::OutOfRange {
        partition: TopicPartition::new("gap", 0),
        next_offset: 2,
        low: 4,
        high: 10,
    };
    assert_eq!(fault(&told)?, expected);
    let gone = intakes.get_mut(&TopicPartition::new("gap", 0)).unwrap();
    assert!(next(gone)?.is_none(), "the feed of the gap ends empty");
    let other = intakes.get_mut(&TopicPartition::new("gap", 1)).unwrap();
    assert_eq!(read(other)?.len(), 10);
    // Past the end (the topic was created again, and is shorter).
    let (past, _intake) = feed();
    source.restart(TopicPartition::new("gap", 0), 11, past);
    let expected = SourceFault::OutOfRange {
        partition: TopicPartition::new("gap", 0),
        next_offset: 11,
        low: 4,
        high: 10,
    };
    assert_eq!(fault(&told)?, expected);
    // What the owner decides then works.
    let (feed, mut intake) = feed();
    source.restart(TopicPartition::new("gap", 0), 4, feed);
    assert_eq!(offsets(&read(&mut intake)?), [4, 5, 6, 7, 8, 9]);
    produce(kafka, "gap", 1, 0..1)?;
    assert_eq!(offsets(&read(other)?), [10]);
    source.stop();
    Ok(())
}

#[test]
fn an_empty_partition_is_caught_up_at_once() -> Result<()> {
    let kafka = Kafka::shared()?;
    let config = topic(kafka, "empty", 1)?;
    let (source, told) = source(&config, |_| Some(0))?;
    let (_, mut intake) = assigned(&told)?;
    assert_eq!(read(&mut intake)?.len(), 0);
    source.stop();
    Ok(())
}

#[test]
fn keys_headers_tombstones_and_timestamps_come_through() -> Result<()> {
    let kafka = Kafka::shared()?;
    // Without retention: it would soon drop records as old as these timestamps say.
    kafka.create_topic("shapes", 1, &[("retention.ms", "-1")])?;
    let config = SourceConfig::new(&kafka.bootstrap(), &["shapes"], "shapes");
    let producer = plain_producer(kafka)?;
    let header = |key, value| Header { key, value };
    let headers = OwnedHeaders::new()
        .insert(header("a", Some(&b"1"[..])))
        .insert(header("empty", Some(&b""[..])))
        .insert(header("none", None))
        .insert(header("a", Some(&b"\xff\x00"[..])));
    let to = || BaseRecord::<[u8], [u8]>::to("shapes").timestamp(1_726_531_200_000);
    for record in [
        to().key(b"k").payload(b"v").headers(headers),
        to().key(b"k"),
        to().payload(b""),
        to().key(b"").payload(b"\x00"),
    ] {
        producer.send(record).map_err(|(e, _)| e)?;
    }
    producer.flush(PATIENCE)?;
    let (source, told) = source(&config, |_| Some(0))?;
    let records = read(&mut assigned(&told)?.1)?;
    let all: Vec<_> = records.iter().map(|r| (r.key, r.value)).collect();
    let expected: Vec<(Option<&[u8]>, Option<&[u8]>)> = vec![
        (Some(b"k"), Some(b"v")),
        (Some(b"k"), None),
        (None, Some(b"")),
        (Some(b""), Some(b"\x00")),
    ];
    assert_eq!(all, expected);
    let first = records.get(0);
    assert_eq!(first.timestamp_ms, Some(1_726_531_200_000));
    let headers: Vec<_> = first.headers().collect();
    let expected: Vec<(&str, Option<&[u8]>)> = vec![
        ("a", Some(b"1")),
        ("empty", Some(b"")),
        ("none", None),
        ("a", Some(b"\xff\x00")),
    ];
    assert_eq!(headers, expected);
    assert_eq!(records.get(1).headers().count(), 0);
    source.stop();
    Ok(())
}

#[test]
fn records_of_aborted_transactions_are_not_seen() -> Result<()> {
    let kafka = Kafka::shared()?;
    let config = topic(kafka, "aborted", 1)?;
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", kafka.bootstrap())
        .set("transactional.id", "aborted")
        .create()?;
    producer.init_transactions(PATIENCE)?;
    for value in ["kept 1", "dropped", "kept 2", "dropped"] {
        producer.begin_transaction()?;
        let record = BaseRecord::<(), str>::to("aborted").payload(value);
        producer.send(record).map_err(|(e, _)| e)?;
        producer.flush(PATIENCE)?;
        if value == "dropped" {
            producer.abort_transaction(PATIENCE)?;
        } else {
            producer.commit_transaction(PATIENCE)?;
        }
    }
    let (source, told) = source(&config, |_| Some(0))?;
    let records = read(&mut assigned(&told)?.1)?;
    let values: Vec<_> = records.iter().map(|r| r.value.unwrap()).collect();
    assert_eq!(values, [b"kept 1", b"kept 2"]);
    // Each transaction ends in a control record that takes an offset.
    assert_eq!(offsets(&records), [0, 4]);
    source.stop();
    Ok(())
}

#[test]
fn what_is_read_and_not_processed_is_bounded() -> Result<()> {
    let kafka = Kafka::shared()?;
    let mut config = topic(kafka, "bounded", 1)?;
    config.queued_max_bytes = 1 << 20;
    let events = EventProducer::new(&kafka.bootstrap(), &BTreeMap::new(), "bounded")?;
    let value = vec![b'x'; 1_000];
    let count = 20_000;
    for _ in 0..count {
        events.send(None, Some(&value))?;
    }
    assert_eq!(events.finish()?, count);
    let (source, told) = source(&config, |_| Some(0))?;
    let (_, mut intake) = assigned(&told)?;
    let mut held = VecDeque::new();
    let (mut bytes, mut most, mut next_offset) = (0, 0, 0);
    while next_offset < count as i64 {
        match intake.try_recv() {
            Some(chunk) => {
                for record in chunk.records.iter() {
                    assert_eq!(record.offset, next_offset);
                    next_offset += 1;
                }
                bytes += chunk.records.bytes();
                most = most.max(bytes);
                held.push_back(chunk);
            }
            // Nothing more comes while all of this is held: now one of them is processed.
            None => {
                std::thread::sleep(Duration::from_millis(50));
                if let Some(chunk) = held.pop_front() {
                    bytes -= chunk.records.bytes();
                }
            }
        }
    }
    // A pass takes at most 4,096 records before it looks.
    let slack = 4_096 * 1_000 + (1 << 20);
    assert!(
        most <= config.queued_max_bytes + slack,
        "{most} bytes were held"
    );
    source.stop();
    Ok(())
}

#[test]
fn two_members_share_and_hand_over_losing_none() -> Result<()> {
    let kafka = Kafka::shared()?;
    let config = topic(kafka, "handover", 4)?;
    // What a checkpoint would hold: where each partition goes on.
    let next_offsets = std::sync::Arc::new(std::sync::Mutex::new([0i64; 4]));
    let member = || {
        let next_offsets = std::sync::Arc::clone(&next_offsets);
        source(&config, move |p| {
            Some(next_offsets.lock().unwrap()[p.partition as usize])
        })
    };
    let mut intakes: BTreeMap<(u8, i32), Intake> = BTreeMap::new();
    let mut follow = |number: u8, told: &mpsc::Receiver<Told>| -> Result<usize> {
        while let Ok(told) = told.try_recv() {
            match told {
                Told::Assigned(p, intake) => {
                    intakes.insert((number, p.partition), intake);
                }
                Told::Revoked(p) => {
                    intakes.remove(&(number, p.partition));
                }
                other => bail!("{other:?}"),
            }
        }
        for ((_, partition), intake) in &mut intakes {
            while let Some(chunk) = intake.try_recv() {
                let mut next_offsets = next_offsets.lock().unwrap();
                for record in chunk.records.iter() {
                    // A record read by two at once is what the checkpoint's owner epoch refuses; a hole would be a loss.
                    let next = &mut next_offsets[*partition as usize];
                    assert!(record.offset <= *next, "a hole before {}", record.offset);
                    *next = (*next).max(record.offset + 1);
                }
            }
        }
        Ok(intakes.keys().filter(|(n, _)| *n == number).count())
    };
    let (first, told_first) = member()?;
    wait("all partitions", || Ok(follow(1, &told_first)? == 4))?;
    for partition in 0..4 {
        produce(kafka, "handover", partition, 0..1_000)?;
    }
    let (second, told_second) = member()?;
    wait("half of them each", || {
        Ok((follow(1, &told_first)?, follow(2, &told_second)?) == (2, 2))
    })?;
    for partition in 0..4 {
        produce(kafka, "handover", partition, 1_000..2_000)?;
    }
    first.stop();
    wait("all with the second", || {
        Ok((follow(1, &told_first)?, follow(2, &told_second)?) == (0, 4))
    })?;
    wait("all records", || {
        follow(2, &told_second)?;
        Ok(*next_offsets.lock().unwrap() == [2_000; 4])
    })?;
    second.stop();
    Ok(())
}

fn wait(what: &str, mut done: impl FnMut() -> Result<bool>) -> Result<()> {
    wait_until(what, PATIENCE, &mut done)
}

/// A member in a process of its own and the lines it says.
struct Member {
    process: Process,
    lines: mpsc::Receiver<String>,
}

impl Member {
    fn start(kafka: &Kafka, topic: &str, group: &str, state: &Path) -> Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_member"));
        command.args([&kafka.bootstrap(), topic, group]).arg(state);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::spawn(&mut command, "KILL")?;
        let out = BufReader::new(process.stdout().context("no output")?);
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self { process, lines })
    }

    fn wait_for(&self, start: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left);
            if line.with_context(|| start.to_owned())?.starts_with(start) {
                return Ok(());
            }
        }
    }
}

/// Kills one of two members and starts it again; the group was led by the one that joined first.
fn kill_and_start_again(kafka: &Kafka, group: &str, kill_leader: bool) -> Result<()> {
    let state = tempfile::tempdir()?;
    let start = || Member::start(kafka, "killed", group, state.path());
    let own = tempfile::tempdir()?;
    let instance = Instance::acquire_in(own.path(), group)?;
    let mut config = SourceConfig::new(&kafka.bootstrap(), &["killed"], group);
    config.instance_id = Some(instance.id().to_owned());
    let (mut member, (source, told));
    if kill_leader {
        member = start()?;
        member.wait_for("record")?;
        (source, told) = self::source(&config, |_| Some(0))?;
        assigned(&told)?;
    } else {
        (source, told) = self::source(&config, |_| Some(0))?;
        let _both = (assigned(&told)?, assigned(&told)?);
        member = start()?;
        member.wait_for("record")?;
    }
    // The group is at rest when nothing more comes.
    while told.recv_timeout(Duration::from_secs(2)).is_ok() {}
    member.process.kill()?;
    let started = Instant::now();
    member = start()?;
    member.wait_for("assigned")?;
    let assigned_after = started.elapsed();
    member.wait_for("record")?;
    println!(
        "{group}: assigned again after {assigned_after:?}, first record after {:?}",
        started.elapsed()
    );
    let disturbed = told.recv_timeout(Duration::from_secs(1));
    assert!(disturbed.is_err(), "the other member: {disturbed:?}");
    source.stop();
    Ok(())
}

#[test]
fn after_a_kill_a_member_gets_its_partition_back_and_the_other_is_not_disturbed() -> Result<()> {
    let kafka = Kafka::shared()?;
    kafka.create_topic("killed", 2, &[])?;
    for partition in 0..2 {
        produce(kafka, "killed", partition, 0..10)?;
    }
    kill_and_start_again(kafka, "killed-leader", true)?;
    kill_and_start_again(kafka, "killed-follower", false)
}

#[test]
fn admin_answers_in_offsets_and_sentences() -> Result<()> {
    let kafka = Kafka::shared()?;
    kafka.create_topic("admin", 3, &[])?;
    produce(kafka, "admin", 1, 0..10)?;
    kafka.delete_records("admin", 1, 3)?;
    let admin = Admin::new(&kafka.bootstrap(), &BTreeMap::new())?;
    assert_eq!(admin.topic("admin")?.partitions, [0, 1, 2]);
    let partition = TopicPartition::new("admin", 1);
    assert_eq!(admin.watermarks(&partition)?, (3, 10));
    assert_eq!(admin.offset_at(&partition, 0)?, 3);
    assert_eq!(admin.offset_at(&partition, i64::MAX)?, 10);
    let record = admin.record_at(&partition, 7)?.context("no record")?;
    assert_eq!((record.len(), record.get(0).offset), (1, 7));
    assert_eq!(record.get(0).value, Some(&b"7"[..]));
    for gone in [2, 10, 99] {
        assert!(admin.record_at(&partition, gone)?.is_none());
    }
    let error = admin.topic("admni").unwrap_err();
    assert!(matches!(&error, AdminError::UnknownTopic { topic } if topic == "admni"));
    let nobody = Admin::new("127.0.0.1:1", &BTreeMap::new())?;
    let error = nobody.topic("admin").unwrap_err();
    assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
    assert!(matches!(error, AdminError::Unreachable { .. }), "{error:?}");
    Ok(())
}

#[test]
fn dead_letters_arrive_in_order_and_a_huge_one_without_its_value() -> Result<()> {
    let kafka = Kafka::shared()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let none = BTreeMap::new();
    let admin = Admin::new(&kafka.bootstrap(), &none)?;
    runtime.block_on(admin.create_topic("letters", 1))?;
    runtime.block_on(admin.create_topic("letters", 1))?;
    let producer = runtime.block_on(DeadLetterProducer::connect(
        &kafka.bootstrap(),
        &none,
        "letters",
    ))?;
    let values: Vec<Vec<u8>> = (0..300)
        .map(|i| match i {
            100 => vec![b'x'; 1_048_588],
            200 => vec![b'y'; 1_040_000],
            i => format!("{i}").into_bytes(),
        })
        .collect();
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let mut letters: Vec<Letter<'_>> = values
        .iter()
        .map(|value| Letter {
            key: Some(b"k"),
            value: Some(value),
            headers: vec![("id", Some(b"users/0/7")), ("empty", None)],
            timestamp_ms: Some(now_ms),
        })
        .collect();
    letters.push(Letter::default());
    runtime.block_on(producer.send(&letters))?;
    let config = SourceConfig::new(&kafka.bootstrap(), &["letters"], "letters");
    let (source, told) = source(&config, |_| Some(0))?;
    let (_, mut intake) = assigned(&told)?;
    let records = read(&mut intake).with_context(|| format!("{:?}", told.try_recv()))?;
    assert_eq!(records.len(), 301);
    for (i, record) in records.iter().take(300).enumerate() {
        let headers: BTreeMap<_, _> = record.headers().collect();
        assert_eq!(record.key, Some(&b"k"[..]));
        assert_eq!(record.timestamp_ms, Some(now_ms));
        assert_eq!(headers["id"], Some(&b"users/0/7"[..]));
        assert_eq!(headers["empty"], None);
        if i == 100 {
            assert_eq!(record.value, None);
            let text = std::str::from_utf8(headers[VALUE_OMITTED].context("no text")?)?;
            assert!(text.starts_with("1048588 bytes"), "{text}");
        } else {
            assert_eq!(record.value, Some(&values[i][..]));
            assert!(!headers.contains_key(VALUE_OMITTED));
        }
    }
    let last = records.get(300);
    assert_eq!((last.key, last.value), (None, None));
    source.stop();
    Ok(())
}

#[test]
fn a_broker_that_goes_away_is_waited_for() -> Result<()> {
    let kafka = Kafka::start()?;
    let config = topic(&kafka, "away", 1)?;
    produce(&kafka, "away", 0, 0..10)?;
    let (source, told) = source(&config, |_| Some(0))?;
    let (_, mut intake) = assigned(&told)?;
    assert_eq!(read(&mut intake)?.len(), 10);
    kafka.stop()?;
    let away = fault(&told)?;
    assert!(matches!(away, SourceFault::Unreachable { .. }), "{away:?}");
    kafka.start_again()?;
    produce(&kafka, "away", 0, 10..20)?;
    // The group may take the partition away and give it again: a member's session can time out meanwhile.
    let mut seen = Vec::new();
    wait("the records", || {
        for told in told.try_iter() {
            if let Told::Assigned(_, again) = told {
                intake = again;
                seen.clear();
            }
        }
        while let Some(chunk) = intake.try_recv() {
            seen.extend(offsets(&chunk.records));
        }
        Ok(seen.last() == Some(&19))
    })?;
    let start = seen[0];
    assert_eq!(seen, (start..20).collect::<Vec<_>>());
    source.stop();
    Ok(())
}

#[test]
fn two_processes_with_one_instance_id_are_told() -> Result<()> {
    let kafka = Kafka::shared()?;
    let mut config = topic(kafka, "fenced", 1)?;
    config.instance_id = Some("the-same".to_owned());
    let (first, told_first) = source(&config, |_| Some(0))?;
    let _first = assigned(&told_first)?;
    let (second, told_second) = source(&config, |_| Some(0))?;
    let _second = assigned(&told_second)?;
    let told = told_first.recv_timeout(PATIENCE)?;
    assert!(matches!(told, Told::Lost), "{told:?}");
    let fatal = fault(&told_first)?;
    assert!(matches!(fatal, SourceFault::Fatal { .. }), "{fatal:?}");
    first.stop();
    second.stop();
    Ok(())
}
