//! The built program on a real Kafka and a real PostgreSQL.

mod authoring;
mod cases;
mod chaos;
mod check;
mod commands;
mod dead_letters;
mod documents;
mod end_to_end;
mod errors;
mod generate;
mod guides;
mod halts;
mod http;
mod kafka;
mod locks;
mod many;
mod mirror;
mod missed_deletes;
mod produce;
mod reference;
mod registry;
mod runaway;
mod silence;
mod steer;
mod versions;
