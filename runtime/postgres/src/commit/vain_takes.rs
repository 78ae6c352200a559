//! Partitions that one process after another takes and dies of.
//!
//! A record may cost more memory than there is: librdkafka inflates what is compressed before
//! anybody sees its size. The process that reads it is killed, the next one takes the partition,
//! and so on, with all other partitions of those processes. So the checkpoint counts how many
//! owners took the partition one after the other while records waited, and none moved it.

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::commit::lease::{self, Lease};
use crate::wire::database_error::DatabaseError;
use crate::wire::placeholder::Named;

/// So many owners may end before the partition halts. A machine that restarts during a deployment
/// and a kill for lack of memory or two are no pattern yet.
pub const VAIN_TAKES_MAX: i32 = 5;

/// A person resumes the partition: it is tried once more before it halts again.
pub async fn allow_one_more(client: &Client, lease: &Lease) -> Result<(), DatabaseError> {
    at_most(client, lease, VAIN_TAKES_MAX - 1).await
}

/// Its owner leaves it in order, so it did not die of it.
pub async fn forget(client: &Client, lease: &Lease) -> Result<(), DatabaseError> {
    at_most(client, lease, 0).await
}

async fn at_most(client: &Client, lease: &Lease, takes: i32) -> Result<(), DatabaseError> {
    let values: [Named<'_>; 1] = [("takes", Type::INT4, &takes)];
    lease::set(client, lease, "takes = least(takes, :takes)", &values)
        .await
        .map_err(DatabaseError::query("count the takes of a partition"))
        .map(drop)
}
