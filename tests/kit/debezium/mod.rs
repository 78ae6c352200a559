//! A real Debezium, from the jars that `make setup-debezium` fetches: it reads the log of a real
//! PostgreSQL and writes to a real Kafka.
//!
//! - [`source`]: a PostgreSQL whose log can be read;
//! - [`connect`]: Kafka Connect, one process for any number of connectors;
//! - [`shape`]: how the connector writes a change; [`modes`]: and values.

pub mod connect;
pub mod modes;
pub mod shape;
pub mod source;
