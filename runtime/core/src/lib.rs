//! The pure part of gristmill: what happens to a batch between Kafka's bytes and Postgres' rows.
//!
//! No clock, no socket, no async, no sandbox: time comes in as an argument and a transform behind a
//! trait, so that a simulation is a plain seeded loop.
//!
//! One batch's walk, in order:
//! - [`record`]: what the consumer hands over, raw bytes of consecutive records of one partition;
//! - [`decode`]: each message is walked once and the declared document paths become columns
//!   ([`column`]);
//! - [`transform`]: what a rule promises ([`plan`]) and returns; the normalizer is the first;
//! - [`dedup`]: event time, watermark and the newest version of each key;
//! - [`dimension`]: rows that a transform asked to have looked up;
//! - [`dead_letter`]: a record or row that cannot be used, and why;
//! - [`chain`]: all of it in order, from [`record::Records`] to [`chain::Computed`].
//!
//! What is decided about a batch beside its rows:
//! - [`brake`]: whether too many of the last records become dead letters;
//! - [`fault`] and [`policy`]: what went wrong on the way to the commit, and what to do about it.
//!
//! Days and dates: [`calendar`].
//!
//! Tools for people: [`rows`] (a batch as JSON), [`suggest`] ("did you mean"), [`digest`] (the name
//! of a file's bytes), [`visible`] (what others wrote, fit for a terminal).

pub mod brake;
pub mod calendar;
pub mod chain;
pub mod column;
pub mod dead_letter;
pub mod decode;
pub mod dedup;
pub mod digest;
pub mod dimension;
pub mod fault;
pub mod plan;
pub mod policy;
pub mod record;
pub mod rows;
pub mod suggest;
pub mod transform;
pub mod visible;
