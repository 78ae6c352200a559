//! Postgres: all SQL lives here.
//!
//! - [`connect`] makes every connection, [`pool`] lends them to flushes;
//! - [`schema`] creates and checks the tables, [`target`] knows the one that a pipeline fills;
//! - [`pipeline`] registers pipelines and their revisions, [`rollout`] changes the active one, [`history`] tells who did, [`host`] knows the processes that run them, [`checkpoint`] takes partitions, [`gap`] records what was never read;
//! - [`sink`] commits a batch: rows, dead letters and checkpoint together; [`blame`] finds the rows that Postgres refuses;
//! - [`standing`] compares rows with what the table holds, and writes nothing;
//! - [`dead_letter`] lists, relays and replays; [`dimension`] loads reference data.

pub mod activation;
pub mod blame;
pub mod checkpoint;
pub mod connect;
pub mod dead_letter;
pub mod dimension;
pub mod error;
pub mod gap;
pub mod history;
pub mod host;
pub mod pipeline;
pub mod pool;
pub mod replay;
pub mod rollout;
pub mod schema;
pub mod shadow;
pub mod sink;
pub mod standing;
pub mod target;

mod advance;
mod fit;
mod letter_id;
mod letters;
mod statement;
mod take;
mod tls;
mod values;
