//! The source, the admin questions and the producers against a real broker.

mod bombs;
mod clients;
mod faults;
mod frozen;
mod group;
mod lag;
mod owner;
mod recreated;
mod source;
