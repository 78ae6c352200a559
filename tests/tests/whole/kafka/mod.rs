//! The source, the admin questions and the producers against a real broker.

mod clients;
mod faults;
mod group;
mod lag;
mod owner;
mod recreated;
mod source;
