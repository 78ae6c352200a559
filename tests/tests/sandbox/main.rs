//! The sandbox against a component that misbehaves in each way, and with one that the SDK made.

mod answers;
mod blame;
mod bounded;
mod chain;
mod debezium;
mod debezium_avro;
mod files;
mod golden;
mod guest;
mod memory;
mod neighbours;
mod purity;
mod schema_samples;
mod starved;
mod surgery;
mod time;
mod traps;
mod typed;
