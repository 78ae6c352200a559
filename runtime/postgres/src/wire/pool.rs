//! A few connections, lent to flushes: a partition is not the unit of a connection.
//!
//! Ours and not `deadpool-postgres`: that one keeps connections of its own type, without the
//! statements and the `busy` mark that each of ours carries, and would ask each connection that it
//! lends again for whether it lives, a round trip a flush, or not look at all.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

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
                idle: Mutex::default(),
            }),
        }
    }

    /// Waits for a free place, then lends an idle connection or makes a new one.
    pub async fn get(&self) -> Result<Lent, DatabaseError> {
        let permit = Arc::clone(&self.inner.permits).acquire_owned().await;
        let permit = permit.map_err(|_| DatabaseError::PoolClosed)?;
        let idle = self.inner.take_idle();
        let connection = match idle {
            Some(connection) => connection,
            None => self.inner.database.connect().await?,
        };
        Ok(Lent {
            connection: Some(connection),
            pool: Arc::clone(&self.inner),
            _permit: permit,
        })
    }

    /// The database that its connections lead to.
    pub fn database(&self) -> &Database {
        &self.inner.database
    }
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
    _permit: OwnedSemaphorePermit,
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
