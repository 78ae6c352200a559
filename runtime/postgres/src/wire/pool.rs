//! A few connections, lent to flushes: a partition is not the unit of a connection.
//!
//! Ours and not `deadpool-postgres`: that one keeps connections of its own type, without the
//! statements and the `busy` mark that each of ours carries, and would ask each connection that it
//! lends again for whether it lives, a round trip a flush, or not look at all.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::wire::connection::{Connection, Database};
use crate::wire::database_error::DatabaseError;

/// At most `size` connections at a time, made when needed and kept.
#[derive(Clone)]
pub struct Pool {
    inner: Arc<Inner>,
}

struct Inner {
    database: Database,
    permits: Arc<Semaphore>,
    /// One less: what waits for others leaves a place to those who need not.
    waiting: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
}

impl Pool {
    /// A pool of `size` connections to `database`; none is made yet.
    pub fn new(database: Database, size: usize) -> Self {
        let permits = Arc::new(Semaphore::new(size));
        Self {
            inner: Arc::new(Inner {
                database,
                permits,
                waiting: Arc::new(Semaphore::new(size.saturating_sub(1).max(1))),
                idle: Mutex::default(),
            }),
        }
    }

    /// Waits for a free place, then lends an idle connection or makes a new one.
    pub async fn get(&self) -> Result<Lent, DatabaseError> {
        self.lend(vec![acquire(&self.inner.permits).await?]).await
    }

    /// As [`Pool::get`], for what is known to wait for locks of others: all that do so together
    /// leave a place free, where there is more than one.
    pub async fn get_to_wait(&self) -> Result<Lent, DatabaseError> {
        let waiting = acquire(&self.inner.waiting).await?;
        let permits = vec![waiting, acquire(&self.inner.permits).await?];
        self.lend(permits).await
    }

    async fn lend(&self, permits: Vec<OwnedSemaphorePermit>) -> Result<Lent, DatabaseError> {
        let idle = self.inner.take_idle();
        let connection = match idle {
            Some(connection) => connection,
            None => self.inner.database.connect().await?,
        };
        Ok(Lent {
            connection: Some(connection),
            pool: Arc::clone(&self.inner),
            _permits: permits,
        })
    }

    /// Since when the server has answered nothing that it was asked, on whatever connection; `None`
    /// while it answers.
    pub fn silent_since(&self) -> Option<Instant> {
        self.inner.database.silent_since()
    }

    /// The database that its connections lead to.
    pub fn database(&self) -> &Database {
        &self.inner.database
    }
}

async fn acquire(places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, DatabaseError> {
    let permit = Arc::clone(places).acquire_owned().await;
    permit.map_err(|_| DatabaseError::PoolClosed)
}

impl Inner {
    /// The connection used last, so that spare ones age and are found closed.
    fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        std::iter::from_fn(|| idle.pop()).find(Connection::is_usable)
    }
}

/// A connection on loan. Goes back when dropped, unless it is closed or was left in the middle of
/// something.
pub struct Lent {
    connection: Option<Connection>,
    pool: Arc<Inner>,
    _permits: Vec<OwnedSemaphorePermit>,
}

impl Deref for Lent {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("present until dropped")
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("present until dropped")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take().filter(Connection::is_usable) {
            let mut idle = self
                .pool
                .idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            idle.push(connection);
        }
    }
}
