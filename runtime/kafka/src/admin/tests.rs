use anyhow::{Context, Result};
use rdkafka::config::FromClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr as Answer};

use super::*;
use crate::embedded::EmbeddedBroker;

fn produce(bootstrap: &str, to: &[(&str, i32, &str)]) -> Result<()> {
    let config = client::common(bootstrap, &BTreeMap::new())?;
    let producer = BaseProducer::from_config(&config)?;
    for (topic, partition, value) in to {
        let record = BaseRecord::<(), str>::to(topic)
            .partition(*partition)
            .payload(*value);
        producer.send(record).map_err(|(e, _)| e)?;
    }
    Ok(producer.flush(TIMEOUT)?)
}

#[test]
fn ends_and_records_of_many_partitions_come_in_the_order_of_the_question() -> Result<()> {
    let broker = EmbeddedBroker::start(&[("a", 3), ("b", 2)])?;
    let bootstrap = broker.bootstrap();
    produce(
        &bootstrap,
        &[("a", 2, "x"), ("a", 2, "y"), ("b", 1, "z"), ("a", 0, "w")],
    )?;
    let admin = Admin::new(&bootstrap, &BTreeMap::new())?;
    let partitions =
        [("a", 2), ("b", 1), ("a", 1), ("a", 0), ("b", 0)].map(|(t, p)| TopicPartition::new(t, p));
    let ends = admin.watermarks(&partitions)?;
    assert_eq!(ends, [(0, 2), (0, 1), (0, 0), (0, 1), (0, 0)]);
    for (partition, ends) in partitions.iter().zip(&ends) {
        let (topic, number) = (&partition.topic, partition.partition);
        assert_eq!(
            admin.client.fetch_watermarks(topic, number, TIMEOUT)?,
            *ends
        );
    }

    let wanted: Vec<_> = partitions.into_iter().zip([1, 0, 0, 7, -1]).collect();
    let records = admin.records_at(&wanted)?;
    let values: Vec<_> = records
        .iter()
        .map(|found| {
            let record = found.as_ref()?.get(0);
            Some((
                record.offset,
                std::str::from_utf8(record.value?.rest()).ok()?,
            ))
        })
        .collect();
    assert_eq!(values, [Some((1, "y")), Some((0, "z")), None, None, None]);
    assert!(admin.records_at(&[])?.is_empty());

    let unknown = [TopicPartition::new("a", 0), TopicPartition::new("c", 0)];
    let error = admin.watermarks(&unknown).unwrap_err();
    let expected = matches!(&error, AdminError::UnknownTopic { topic } if topic == "c");
    anyhow::ensure!(expected, "{error}");
    let none = admin.records_at(&[(TopicPartition::new("a", 9), 0)]);
    none.err().context("partition 9 is known")?;
    Ok(())
}

#[test]
fn a_group_whose_coordinator_is_yet_to_load_it_is_waited_for() -> Result<()> {
    let broker = MockCluster::new(1)?;
    broker.create_topic("t", 1, 1)?;
    let answers = [
        Answer::RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
        Answer::RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
        Answer::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
    ];
    broker.request_errors(RDKafkaApiKey::OffsetFetch, &answers);
    let admin = Admin::new(&broker.bootstrap_servers(), &BTreeMap::new())?;
    Ok(admin.check_access("g", "t")?)
}
