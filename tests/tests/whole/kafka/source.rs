//! What is read: from where, how much ahead, and what is never read.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use gristmill_core::record::Value;
use gristmill_kafka::TopicPartition;
use gristmill_kafka::admin::Admin;
use gristmill_kafka::client::SourceConfig;
use gristmill_kafka::producer::event_producer::EventProducer;
use gristmill_kafka::source::feed;
use gristmill_tests::kafka::Kafka;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::owner::{
    PATIENCE, Told, assigned, next, offsets, plain_producer, produce, read, source, start_at, topic,
};

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
        read(&mut intake, 10)?;
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
        assert_eq!(offsets(&read(&mut intake, expected.len())?), expected);
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
        source.restart(partition.clone(), start_at(start, feed));
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
    source.restart(partition, start_at(20_001, feed));
    assert_eq!(offsets(&read(&mut intake, 2)?), [20_001, 20_002]);
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
                assert_eq!((p.partition, read(&mut intake, 5)?.len()), (1, 5));
            }
            Told::Paused(p) => seen.push(p),
            other => bail!("{other:?}"),
        }
    }
    let (feed, mut intake) = feed();
    source.restart(seen.remove(0), start_at(2, feed));
    assert_eq!(offsets(&read(&mut intake, 3)?), [2, 3, 4]);
    source.stop();
    let mut revoked = 0;
    while let Ok(Told::Revoked(_)) = told.recv_timeout(Duration::from_secs(1)) {
        revoked += 1;
    }
    assert_eq!(revoked, 2);
    Ok(())
}

#[test]
fn an_empty_partition_is_caught_up_at_once() -> Result<()> {
    let kafka = Kafka::shared()?;
    let config = topic(kafka, "empty", 1)?;
    let (source, told) = source(&config, |_| Some(0))?;
    let (_, mut intake) = assigned(&told)?;
    assert_eq!(read(&mut intake, 0)?.len(), 0);
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
    let records = read(&mut assigned(&told)?.1, 4)?;
    let all = records.iter().map(|r| (r.key, r.value.map(Value::rest)));
    let all: Vec<_> = all.collect();
    let expected = [
        (Some(&b"k"[..]), Some(&b"v"[..])),
        (Some(&b"k"[..]), None),
        (None, Some(&b""[..])),
        (Some(&b""[..]), Some(&b"\x00"[..])),
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
fn a_schema_that_values_repeat_is_held_once() -> Result<()> {
    let kafka = Kafka::shared()?;
    let config = topic(kafka, "schemas", 1)?;
    let schema = format!(r#"{{"type":"struct","name":"{}"}}"#, "n".repeat(2_000));
    let value = |id: usize| format!(r#"{{"schema":{schema},"payload":{{"id":{id}}}}}"#);
    let producer = plain_producer(kafka)?;
    for id in 0..100 {
        let value = value(id);
        let record = BaseRecord::<(), str>::to("schemas").payload(&value);
        producer.send(record).map_err(|(e, _)| e)?;
    }
    producer.flush(PATIENCE)?;
    let (source, told) = source(&config, |_| Some(0))?;
    let records = read(&mut assigned(&told)?.1, 100)?;
    for (id, record) in records.iter().enumerate() {
        assert_eq!(record.value, Some(Value::from(value(id).as_bytes())));
    }
    assert!(records.bytes() < 100 * 20 && records.whole_bytes() > 100 * 2_000);
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
    let records = read(&mut assigned(&told)?.1, 2)?;
    let values: Vec<_> = records.iter().map(|r| r.value.unwrap().rest()).collect();
    assert_eq!(values, [b"kept 1", b"kept 2"]);
    // Each transaction ends in a control record that takes an offset.
    assert_eq!(offsets(&records), [0, 4]);
    source.stop();

    // The same by hand, also where a range begins or ends among such offsets, or has nothing else.
    let admin = Admin::new(&kafka.bootstrap(), &BTreeMap::new())?;
    for (range, expected) in [
        (0..8, vec![0, 4]),
        (1..5, vec![4]),
        (1..4, vec![]),
        (5..8, vec![]),
    ] {
        let mut found = Vec::new();
        admin.read(&TopicPartition::new("aborted", 0), range, 10, |records| {
            found.extend(offsets(&records));
            anyhow::Ok(())
        })?;
        assert_eq!(found, expected);
    }
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
    // A chunk, with the record that fills it, is handed over before it looks.
    let slack = (1 << 20) + 1_000;
    assert!(
        most <= config.queued_max_bytes + slack,
        "{most} bytes were held"
    );
    source.stop();
    Ok(())
}

#[test]
fn a_hint_reaches_kafka_even_when_the_source_stops_at_once() -> Result<()> {
    let kafka = Kafka::shared()?;
    let config = topic(kafka, "hinted", 1)?;
    produce(kafka, "hinted", 0, 0..10)?;
    let (source, told) = source(&config, |_| Some(0))?;
    let (partition, mut intake) = assigned(&told)?;
    read(&mut intake, 10)?;
    source.hint(partition.clone(), 3);
    source.hint(partition, 7);
    source.stop();
    let group: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", kafka.bootstrap())
        .set("group.id", "hinted")
        .create()?;
    let mut list = TopicPartitionList::new();
    list.add_partition("hinted", 0);
    let committed = group.committed_offsets(list, PATIENCE)?;
    assert_eq!(committed.elements()[0].offset(), Offset::Offset(7));
    Ok(())
}
