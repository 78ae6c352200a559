//! Lag is right behind transactions.

use std::collections::BTreeMap;

use anyhow::Result;
use gristmill_kafka::TopicPartition;
use gristmill_kafka::admin::Admin;
use gristmill_kafka::admin::lag::Lag;
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

#[test]
fn lag_is_what_can_be_read_and_what_an_open_transaction_hides() -> Result<()> {
    let kafka = Kafka::shared()?;
    kafka.create_topic("lag", 2, &[])?;
    let admin = Admin::new(&kafka.bootstrap(), &BTreeMap::new())?;
    let lag = |offset| -> Result<Lag> {
        let positions = [1, 0].map(|number| (TopicPartition::new("lag", number), offset));
        let [other, lag] = admin.lags(&positions)?[..] else {
            panic!("two answers")
        };
        assert_eq!(other, Lag::default());
        Ok(lag)
    };
    let of = |readable, hidden| Lag { readable, hidden };
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

    begin(&producer, "lag", 2)?;
    producer.commit_transaction(PATIENCE)?;
    wait("the mark of the end", || {
        Ok((lag(3)?, lag(8)?) == (of(3, 0), of(0, 0)))
    })?;
    Ok(())
}
