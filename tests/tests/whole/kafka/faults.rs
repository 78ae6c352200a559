//! What the owner is told when something is amiss.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use gristmill_kafka::TopicPartition;
use gristmill_kafka::admin::{Admin, AdminError};
use gristmill_kafka::client::SourceConfig;
use gristmill_kafka::source::{SourceFault, feed};
use gristmill_tests::kafka::Kafka;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

use super::owner::{
    Told, assigned, fault, next, offsets, produce, read, source, start_at, topic, wait,
};

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
    assert_eq!(read(other, 10)?.len(), 10);
    // Past the end (the topic was created again, and is shorter).
    let (past, _intake) = feed();
    source.restart(TopicPartition::new("gap", 0), start_at(11, past));
    let expected = SourceFault::OutOfRange {
        partition: TopicPartition::new("gap", 0),
        next_offset: 11,
        low: 4,
        high: 10,
    };
    assert_eq!(fault(&told)?, expected);
    // What the owner decides then works.
    let (feed, mut intake) = feed();
    source.restart(TopicPartition::new("gap", 0), start_at(4, feed));
    assert_eq!(offsets(&read(&mut intake, 6)?), [4, 5, 6, 7, 8, 9]);
    produce(kafka, "gap", 1, 0..1)?;
    assert_eq!(offsets(&read(other, 1)?), [10]);
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
    assert_eq!(read(&mut intake, 10)?.len(), 10);
    kafka.stop()?;
    let away = fault(&told)?;
    assert!(matches!(away, SourceFault::Unreachable { .. }), "{away:?}");
    kafka.start_again()?;
    produce(&kafka, "away", 0, 10..20)?;
    // The group may take the partition away and give it again: a member's session can time out
    // meanwhile.
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
fn a_topic_that_is_missing_is_named_and_read_when_it_appears() -> Result<()> {
    let kafka = Kafka::shared()?;
    let mut config = SourceConfig::new(&kafka.bootstrap(), &["missing"], "missing");
    let refresh = "topic.metadata.refresh.interval.ms".to_owned();
    config.properties = [(refresh, "500".to_owned())].into();
    let (source, told) = source(&config, |_| Some(0))?;
    let unknown = fault(&told)?;
    assert!(
        matches!(unknown, SourceFault::UnknownTopic { .. }),
        "{unknown:?}"
    );
    assert!(unknown.to_string().contains("missing"), "{unknown}");
    kafka.create_topic("missing", 1, &[])?;
    let (_, mut intake) = assigned(&told)?;
    assert_eq!(read(&mut intake, 0)?.len(), 0);
    source.stop();
    Ok(())
}

#[test]
fn a_group_that_others_use_in_another_way_is_a_refusal() -> Result<()> {
    let kafka = Kafka::shared()?;
    let config = topic(kafka, "mixed", 1)?;
    let other: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", kafka.bootstrap())
        .set("group.id", "mixed")
        .set("partition.assignment.strategy", "range")
        .create()?;
    other.subscribe(&["mixed"])?;
    wait("the other member", || {
        other.poll(Duration::from_millis(50));
        Ok(other.assignment()?.count() == 1)
    })?;
    let (source, told) = source(&config, |_| Some(0))?;
    let refused = fault(&told)?;
    assert!(
        matches!(refused, SourceFault::Refused { .. }),
        "{refused:?}"
    );
    drop(other);
    // It goes on by itself.
    let (_, mut intake) = assigned(&told)?;
    assert_eq!(read(&mut intake, 0)?.len(), 0);
    source.stop();
    Ok(())
}

#[test]
fn a_wrong_password_and_missing_rights_are_refusals_that_say_which() -> Result<()> {
    let (kafka, secured) = Kafka::start_with_acls()?;
    kafka.create_topic("secret", 1, &[])?;
    for (password, named) in [
        ("wrong", "Invalid username or password"),
        ("secret", "authorization failed"),
    ] {
        let mut config = SourceConfig::new(&secured, &["secret"], "secret");
        config.properties = [
            ("security.protocol", "sasl_plaintext"),
            ("sasl.mechanism", "PLAIN"),
            ("sasl.username", "reader"),
            ("sasl.password", password),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        let (source, told) = source(&config, |_| Some(0))?;
        let refused = fault(&told)?;
        assert!(
            matches!(refused, SourceFault::Refused { .. }),
            "{refused:?}"
        );
        assert!(refused.to_string().contains(named), "{refused}");
        source.stop();
        let admin = Admin::new(&secured, &config.properties)?;
        // Twice: librdkafka does not say again what is wrong.
        for _ in 0..2 {
            let error = admin.check_access("secret", "secret").unwrap_err();
            assert!(
                matches!(error, AdminError::Unauthorized { .. }),
                "{error:?}"
            );
            let output = anyhow::Error::from(error);
            assert!(format!("{output:#}").contains(named), "{output:#}");
        }
    }
    Ok(())
}
