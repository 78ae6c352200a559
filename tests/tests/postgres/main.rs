//! The commit and its neighbours against a real PostgreSQL.

mod any_column;
mod fixture;

mod absent;
mod catalogue;
mod faults;
mod fleet;
mod flush;
mod forgotten;
mod guard;
mod hard_deletes;
mod histories;
mod kinds;
mod leases;
mod lives;
mod lost_cells;
mod newness;
mod problems;
mod refused;
mod rollout;
mod row_triggers;
mod schema;
mod sessions;
mod stored_cells;
mod time_texts;
mod tls;
mod tombstones;
mod types;
mod written_since;
