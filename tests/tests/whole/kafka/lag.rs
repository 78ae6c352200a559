//! Lag is right behind transactions.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use gristmill_kafka::TopicPartition;
use gristmill_kafka::admin::Admin;
use gristmill_kafka::admin::lag::{Lag, LagRequest};
use gristmill_tests::kafka::Kafka;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use super::owner::{PATIENCE, produce, wait};

fn transactional(kafka: &Kafka, id: &str) -> Result<BaseProducer> {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", kafka.bootstrap())
        .set("transactional.id", id)
        .create()?;
    producer.init_transactions(PATIENCE)?;
    Ok(producer)
}

/// Begins a transaction of so many records, which are on the broker then.
fn begin(producer: &BaseProducer, topic: &str, records: usize) -> Result<()> {
    producer.begin_transaction()?;
    for _ in 0..records {
        let record = BaseRecord::<(), str>::to(topic).partition(0).payload("x");
        producer.send(record).map_err(|(e, _)| e)?;
    }
    Ok(producer.flush(PATIENCE)?)
}

fn position(number: i32, next_offset: i64) -> LagRequest {
    LagRequest {
        partition: TopicPartition::new("lag", number),
        next_offset,
        may_read: true,
        after_ms: None,
    }
}

#[test]
fn one_partition_without_an_answer_leaves_the_others_theirs() -> Result<()> {
    let kafka = Kafka::shared()?;
    kafka.create_topic("lag_alone", 1, &[])?;
    produce(kafka, "lag_alone", 0, 0..3)?;
    let admin = Admin::new(&kafka.bootstrap(), &BTreeMap::new())?;
    let positions = [5, 0].map(|number| LagRequest {
        partition: TopicPartition::new("lag_alone", number),
        ..position(number, 1)
    });
    let lags = admin.lags(&positions)?;
    assert!(lags[0].is_err(), "{:?}", lags[0]);
    assert_eq!(lags[1].as_ref().expect("it is there").readable, 2);
    Ok(())
}

#[test]
fn what_is_written_meanwhile_is_not_hidden() -> Result<()> {
    let kafka = Kafka::shared()?;
    kafka.create_topic("lag_busy", 1, &[])?;
    let admin = Admin::new(&kafka.bootstrap(), &BTreeMap::new())?;
    let at = LagRequest {
        partition: TopicPartition::new("lag_busy", 0),
        ..position(0, 0)
    };
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", kafka.bootstrap())
        .set("linger.ms", "0")
        .create()?;
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let record = BaseRecord::<(), str>::to("lag_busy").partition(0);
                // A full queue is no trouble of this test.
                let _ = producer.send(record.payload("x"));
                producer.poll(Duration::from_millis(1));
            }
        });
        let hidden = (0..30).map(|_| {
            let lag = admin.lags(std::slice::from_ref(&at))?.remove(0);
            anyhow::Ok(lag.expect("it is there").hidden)
        });
        let hidden: Result<Vec<i64>> = hidden.collect();
        is_over.store(true, Ordering::Relaxed);
        assert_eq!(hidden?, [0; 30]);
        Ok(())
    })
}

#[test]
fn lag_is_what_can_be_read_and_what_an_open_transaction_hides() -> Result<()> {
    let kafka = Kafka::shared()?;
    kafka.create_topic("lag", 2, &[])?;
    let admin = Admin::new(&kafka.bootstrap(), &BTreeMap::new())?;
    let lag = |offset| -> Result<Lag> {
        let positions = [1, 0].map(|number| position(number, offset));
        let lags = admin.lags(&positions)?.into_iter().flatten();
        let lags: Vec<Lag> = lags.collect();
        assert_eq!((lags.len(), lags[0]), (2, Lag::default()));
        Ok(Lag {
            end: 0,
            first_at_ms: None,
            ..lags[1]
        })
    };
    let of = |readable, hidden| Lag {
        readable,
        hidden,
        end: 0,
        first_at_ms: None,
    };
    assert_eq!(lag(0)?, of(0, 0));
    produce(kafka, "lag", 0, 0..3)?;
    assert_eq!((lag(0)?, lag(2)?, lag(3)?), (of(3, 0), of(1, 0), of(0, 0)));

    let producer = transactional(kafka, "lag")?;
    begin(&producer, "lag", 2)?;
    assert_eq!((lag(1)?, lag(3)?), (of(2, 2), of(0, 2)));
    producer.abort_transaction(PATIENCE)?;
    // What is left is what was aborted, and its mark: nothing to read, now or later.
    let nothing = (of(5, 0), of(0, 0), of(0, 0));
    wait("the mark of the end", || {
        Ok((lag(1)?, lag(3)?, lag(6)?) == nothing)
    })?;
    // The offsets are counted where no record may be fetched.
    let unread = LagRequest {
        may_read: false,
        ..position(0, 3)
    };
    let unread = admin.lags(&[unread])?.remove(0).expect("it is there");
    assert_eq!((unread.readable, unread.end), (3, 6));

    begin(&producer, "lag", 2)?;
    producer.commit_transaction(PATIENCE)?;
    wait("the mark of the end", || {
        Ok((lag(3)?, lag(8)?) == (of(3, 0), of(0, 0)))
    })?;
    Ok(())
}

/// After a quiet time the last record that was read is old, and the one that waits is not.
#[test]
fn the_first_record_that_waits_is_as_old_as_it_is() -> Result<()> {
    let kafka = Kafka::shared()?;
    kafka.create_topic("lag_age", 1, &[])?;
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", kafka.bootstrap())
        .create()?;
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let times = [86_400, 4_000, 3_000, 0].map(|seconds_ago| now_ms - seconds_ago * 1_000);
    for at_ms in times {
        let record = BaseRecord::<(), str>::to("lag_age").partition(0);
        let sent = producer.send(record.payload("x").timestamp(at_ms));
        sent.map_err(|(error, _)| error)?;
    }
    producer.flush(PATIENCE)?;
    let admin = Admin::new(&kafka.bootstrap(), &BTreeMap::new())?;
    for (next, at_ms) in times.into_iter().enumerate() {
        for may_read in [true, false] {
            let at = LagRequest {
                partition: TopicPartition::new("lag_age", 0),
                may_read,
                after_ms: Some(times[next.saturating_sub(1)]),
                ..position(0, next as i64)
            };
            let lags = admin.lags(&[at])?;
            let lag = lags[0].as_ref().expect("it is there");
            let later = lag.first_at_ms.expect("its time") - at_ms;
            let most = if may_read {
                0
            } else {
                (now_ms - at_ms) / 64 + 1_000
            };
            let is_near = (if may_read { 0 } else { -500 })..=most;
            assert!(is_near.contains(&later), "{next} {may_read}: {later} ms");
        }
    }
    Ok(())
}
