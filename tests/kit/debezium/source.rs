//! The database that changes are read from.

use anyhow::Result;

use crate::postgres::Postgres;

/// What logical decoding needs. One slot and one sender a connector, and some to spare.
const SETTINGS: [&str; 3] = [
    "alter system set wal_level = 'logical'",
    "alter system set max_replication_slots = 20",
    "alter system set max_wal_senders = 20",
];

/// A PostgreSQL of its own whose log can be read.
pub fn start() -> Result<Postgres> {
    let postgres = Postgres::start()?;
    for setting in SETTINGS {
        postgres.psql("postgres", setting)?;
    }
    postgres.stop()?;
    postgres.start_again()?;
    // Superusers may read the log without it, but the connector complains.
    postgres.psql("postgres", "alter role app replication")?;
    Ok(postgres)
}
