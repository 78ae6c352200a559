//! The broker itself.

use super::*;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

#[test]
fn records_survive_a_stop_and_can_be_deleted() -> Result<()> {
    let kafka = Kafka::start()?;
    kafka.create_topic("t", 2, &[("retention.ms", "-1")])?;
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", kafka.bootstrap())
        .create()?;
    for value in ["a", "b", "c"] {
        producer
            .send(BaseRecord::<(), str>::to("t").partition(1).payload(value))
            .map_err(|(e, _)| e)?;
    }
    producer.flush(Duration::from_secs(30))?;
    kafka.stop()?;
    kafka.start_again()?;
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", kafka.bootstrap())
        .create()?;
    assert_eq!(consumer.fetch_watermarks("t", 1, REQUEST_TIMEOUT)?, (0, 3));
    kafka.delete_records("t", 1, 2)?;
    assert_eq!(consumer.fetch_watermarks("t", 1, REQUEST_TIMEOUT)?, (2, 3));
    kafka.delete_topic("t")?;
    kafka.create_topic("t", 1, &[])?;
    assert_eq!(consumer.fetch_watermarks("t", 0, REQUEST_TIMEOUT)?, (0, 0));
    Ok(())
}
