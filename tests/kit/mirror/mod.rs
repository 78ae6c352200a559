//! A table that is mirrored: from a real PostgreSQL by a real Debezium through Kafka to gristmill's
//! target, which must equal it, value by value.
//!
//! - [`kind`]: the types of columns, with values of each; [`value`]: how values are drawn;
//! - [`design`]: a table drawn from a seed; [`workload`]: what is done to its rows;
//! - [`capture`]: tables, changes and connectors together: what came of them; [`session`]: who
//!   makes the changes; [`stream`]: what came, in a file;
//! - [`fold`]: which cells nobody can know who has read the records;
//! - [`settings`]: what a pipeline does with them; [`pipeline`]: its file;
//! - [`player`]: the records of a stream through the built program, with kills, restarts, swaps and
//!   records that come again; [`verdict`]: how source and target differ.

pub mod capture;
pub mod design;
pub mod fold;
pub mod kind;
pub mod pipeline;
pub mod player;
pub mod session;
pub mod settings;
pub mod stream;
pub mod value;
pub mod verdict;
pub mod workload;
