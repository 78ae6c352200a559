//! Records into Kafka: dead letters for their topic, and events for `gristmill produce`.

pub mod dead_letters;
pub mod event_producer;
