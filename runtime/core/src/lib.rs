//! The pure part of gristmill: what happens to a batch between Kafka's bytes and Postgres' rows.
//!
//! No clock, no socket, no async, no sandbox: time comes in as an argument and a transform behind a
//! trait, so that a simulation is a plain seeded loop.
//!
//! One batch's walk:
//! - [`record`]: what the consumer hands over, raw bytes of consecutive records of one partition;
//! - [`decode`]: each message is walked once and the declared document paths become columns
//!   ([`column`]);
//! - [`transform`]: what a rule promises ([`plan`]) and returns; the normalizer is the first;
//! - [`dedup`]: event time, watermark and the newest version of each key;
//! - [`dimension`]: rows that a transform asked to have looked up;
//! - [`chain`]: all of it in order, from [`record::Records`] to [`chain::Computed`], with
//!   everything unusable as a [`dead_letter`];
//! - [`policy`]: what to do about an infrastructure fault.

pub mod chain;
pub mod column;
pub mod dead_letter;
pub mod decode;
pub mod dedup;
pub mod digest;
pub mod dimension;
pub mod plan;
pub mod policy;
pub mod record;
pub mod rows;
pub mod suggest;
pub mod transform;
