//! One database that this process writes to.

use std::sync::Arc;

use gristmill_postgres::wire::connection::Database;
use gristmill_postgres::wire::pool::Pool;
use tokio::sync::Notify;

use crate::definition::file::Config;
use crate::handles::commits::Commits;
use crate::handles::pipelines::Pipelines;
use crate::handles::reservations::Reservations;

/// The most places for flushes of several files together: with a connection each for heartbeat and
/// relay, and four for what is being prepared, sixteen, where a server takes a hundred by default.
const FLUSHES_MAX: usize = 10;

/// One database that this process writes to, with the pipelines that do.
pub struct HostedDatabase {
    pub commits: Arc<Commits>,
    pub pipelines: Pipelines,
    /// What those have for themselves, and those that are about to begin.
    pub reservations: Reservations,
    /// Wakes the follower.
    pub look_again: Arc<Notify>,
}

impl HostedDatabase {
    /// The database of `files`, which name the same; `owner` is this process. Nothing is connected
    /// yet.
    pub fn new(database: Database, files: &[&Config], owner: &str) -> Self {
        let wanted = files.iter().map(|file| file.target.connections);
        let (largest, all) = (wanted.clone().max().unwrap_or(1), wanted.sum::<usize>());
        let pool = Pool::new(database, all.min(FLUSHES_MAX).max(largest));
        Self {
            commits: Arc::new(Commits::new(pool, owner.to_owned())),
            pipelines: Pipelines::default(),
            reservations: Reservations::default(),
            look_again: Arc::default(),
        }
    }
}
