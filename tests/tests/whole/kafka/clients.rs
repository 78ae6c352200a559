//! Questions by hand, and the way into a topic.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use gristmill_core::record::Value;
use gristmill_kafka::TopicPartition;
use gristmill_kafka::admin::{Admin, AdminError};
use gristmill_kafka::client::SourceConfig;
use gristmill_kafka::producer::dead_letters::{
    DeadLetterProducer, HEADERS_OMITTED, KEY_OMITTED, Letter, Undelivered, VALUE_OMITTED,
};
use gristmill_tests::kafka::Kafka;
use gristmill_tests::topic::{self, Message};

use super::owner::{assigned, produce, read, source};

#[test]
fn a_broker_that_has_just_started_is_waited_for() -> Result<()> {
    let kafka = Kafka::start()?;
    kafka.create_topic("first", 1, &[])?;
    let admin = Admin::new(&kafka.bootstrap(), &BTreeMap::new())?;
    // Groups of several coordinating partitions, each loaded at a moment of its own.
    for group in 0..8 {
        admin.check_access(&format!("first-{group}"), "first")?;
    }
    Ok(())
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
    let partitions: Vec<_> = [2, 1, 0]
        .map(|number| TopicPartition::new("admin", number))
        .into();
    assert_eq!(admin.watermarks(&partitions)?, [(0, 0), (3, 10), (0, 0)]);
    assert_eq!(admin.watermarks(&[])?, []);
    assert_eq!(admin.offset_at(&partition, 0)?, 3);
    assert_eq!(admin.offset_at(&partition, i64::MAX)?, 10);
    let at = |offset| admin.records_at(&[(partition.clone(), offset)]);
    let record = at(7)?.pop().flatten().context("no record")?;
    assert_eq!((record.len(), record.get(0).offset), (1, 7));
    assert_eq!(record.get(0).value, Some(Value::from(&b"7"[..])));
    let every: Vec<_> = partitions.into_iter().zip([0, 9, 0]).collect();
    let found = admin.records_at(&every)?;
    let offsets: Vec<_> = found
        .iter()
        .map(|r| Some(r.as_ref()?.get(0).offset))
        .collect();
    assert_eq!(offsets, [None, Some(9), None]);
    admin.check_access("admin", "admin")?;
    for gone in [2, 10, 99] {
        assert!(at(gone)?[0].is_none());
    }
    let runs = |range, max_rows| -> Result<Vec<Vec<i64>>> {
        let mut runs = Vec::new();
        admin.read(&partition, range, max_rows, |records| {
            runs.push(records.iter().map(|r| r.offset).collect());
            anyhow::Ok(())
        })?;
        Ok(runs)
    };
    assert_eq!(runs(3..10, 3)?, [vec![3, 4, 5], vec![6, 7, 8], vec![9]]);
    assert_eq!(runs(4..6, 9)?, [vec![4, 5]]);
    let gone = format!("{:#}", runs(0..5, 9).unwrap_err());
    assert!(
        gone.contains("cannot read admin[1] from offset 0"),
        "{gone}"
    );
    let stop = admin.read(&partition, 3..10, 1, |_| Err(anyhow::anyhow!("enough")));
    assert_eq!(stop.unwrap_err().to_string(), "enough");
    let error = admin.topic("admni").unwrap_err();
    assert!(matches!(&error, AdminError::UnknownTopic { topic } if topic == "admni"));
    let nobody = Admin::new("127.0.0.1:1", &BTreeMap::new())?;
    let error = nobody.topic("admin").unwrap_err();
    // Also the second time, when librdkafka does not say again what is wrong.
    for error in [
        error.to_string(),
        nobody.topic("admin").unwrap_err().to_string(),
    ] {
        assert!(
            error.contains("kafka at 127.0.0.1:1 cannot be reached"),
            "{error}"
        );
        assert!(error.contains("Connection refused"), "{error}");
    }
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
            headers: vec![("empty", None)],
            about: vec![("id", Some(b"users/0/7"))],
            timestamp_ms: Some(now_ms),
        })
        .collect();
    letters.push(Letter::default());
    for outcome in runtime.block_on(producer.send(&letters)) {
        outcome?;
    }
    let config = SourceConfig::new(&kafka.bootstrap(), &["letters"], "letters");
    let (source, told) = source(&config, |_| Some(0))?;
    let (_, mut intake) = assigned(&told)?;
    let records = read(&mut intake, 301).with_context(|| format!("{:?}", told.try_recv()))?;
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
            assert_eq!(record.value, Some(Value::from(&values[i][..])));
            assert!(!headers.contains_key(VALUE_OMITTED));
        }
    }
    let last = records.get(300);
    assert_eq!((last.key, last.value), (None, None));
    source.stop();
    Ok(())
}

#[test]
fn what_a_topic_does_not_take_is_refused_alone() -> Result<()> {
    let kafka = Kafka::shared()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let (none, bootstrap) = (BTreeMap::new(), kafka.bootstrap());
    kafka.create_topic("refusing", 1, &[("cleanup.policy", "compact")])?;
    let connect = DeadLetterProducer::connect(&bootstrap, &none, "refusing");
    let producer = runtime.block_on(connect)?;
    let large = vec![b'x'; 1_048_400];
    let about: Vec<(&str, Option<&[u8]>)> = vec![("gristmill-id", Some(b"t/0/1/0"))];
    let keyed = |key| Letter {
        key: Some(key),
        value: Some(&large[..]),
        about: about.clone(),
        ..Letter::default()
    };
    let letters = [
        Letter::default(),
        Letter {
            value: Some(b"small, so of one batch with the first"),
            ..keyed(b"z")
        },
        keyed(b"a"),
        Letter {
            headers: vec![("large", Some(&large))],
            ..keyed(b"b")
        },
        keyed(&large),
        keyed(b"c"),
    ];
    let outcomes = runtime.block_on(producer.send(&letters));
    let refused = |outcome: &Result<(), Undelivered>| match outcome {
        Ok(()) => false,
        Err(Undelivered::Refused(_)) => true,
        Err(Undelivered::Failed(error)) => panic!("{error}"),
    };
    // Without its key the fifth is as the first: the topic is compacted.
    let refused: Vec<_> = outcomes.iter().map(refused).collect();
    assert_eq!(refused, [true, false, false, false, true, false]);
    let omitted = |message: &Message| {
        let names = [VALUE_OMITTED, HEADERS_OMITTED, KEY_OMITTED];
        names.map(|name| message.header(name).is_some())
    };
    let found = topic::read(&bootstrap, "refusing")?;
    let found: Vec<_> = found.iter().map(omitted).collect();
    let (value, headers) = ([true, false, false], [true, true, false]);
    assert_eq!(found.len(), 4);
    assert!(
        found.contains(&[false; 3]) && found.contains(&headers),
        "{found:?}"
    );
    assert_eq!(found.iter().filter(|of| **of == value).count(), 2);

    runtime.block_on(Admin::new(&bootstrap, &none)?.create_topic("taking", 1))?;
    let connect = DeadLetterProducer::connect(&bootstrap, &none, "taking");
    let producer = runtime.block_on(connect)?;
    for outcome in runtime.block_on(producer.send(&letters)) {
        outcome?;
    }
    let found = topic::read(&bootstrap, "taking")?;
    assert_eq!(omitted(&found[4]), [true, true, true]);
    assert_eq!(found[4].header("gristmill-id").as_deref(), Some("t/0/1/0"));
    Ok(())
}
