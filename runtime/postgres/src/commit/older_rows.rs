//! Rows that nothing has written since given places of the topic.

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::commit::older_sql::OlderSql;
use crate::commit::sink::Sink;
use crate::wire::database_error::DatabaseError;
use crate::wire::placeholder::{self, Named};

/// Rows that are deleted at a time: a flush waits for them no longer than for another flush.
const DELETED_MAX: i64 = 10_000;

/// A place in a partition, in the numbering of `gristmill.checkpoint`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogPlace {
    pub partition: i32,
    /// The incarnation of the topic.
    pub log: i32,
    pub offset: i64,
}

/// Rows that nothing has written since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OlderKeys {
    /// How many there are in all.
    pub all: i64,
    /// The keys of the first of them, as Postgres writes them.
    pub keys: Vec<Vec<String>>,
}

impl Sink {
    /// The rows, not deleted, that nothing has written at `places` or behind them, and those whose
    /// partition is not among `places`; up to `limit` keys of them, lowest first. `None`: rows of
    /// the table do not say where they come from, as it has no column `_gm_version`.
    pub async fn older(
        &self,
        client: &Client,
        places: &[LogPlace],
        limit: i64,
    ) -> Result<Option<OlderKeys>, DatabaseError> {
        let Some(older) = &self.older else {
            return Ok(None);
        };
        let failed = || DatabaseError::query("look for rows that were not written since");
        let places = Places::new(places);
        let all = placeholder::query_one(client, &older.count, &places.parameters()).await;
        let all = all.map_err(failed())?.get(0);
        let mut parameters = places.parameters().to_vec();
        parameters.push(("most", Type::INT8, &limit));
        let keys = placeholder::query(client, &older.list, &parameters).await;
        let keys = keys.map_err(failed())?;
        Ok(Some(OlderKeys {
            all,
            keys: keys.iter().map(|row| row.get(0)).collect(),
        }))
    }

    /// How many rows, not deleted, have no version: gristmill never wrote them.
    pub async fn unversioned(&self, client: &Client) -> Result<i64, DatabaseError> {
        self.count(client, |older| &older.unversioned).await
    }

    /// How many rows, not deleted, have one.
    pub async fn living(&self, client: &Client) -> Result<i64, DatabaseError> {
        self.count(client, |older| &older.living).await
    }

    async fn count(
        &self,
        client: &Client,
        sql: impl Fn(&OlderSql) -> &str,
    ) -> Result<i64, DatabaseError> {
        let Some(older) = &self.older else {
            return Ok(0);
        };
        let counted = placeholder::query_one(client, sql(older), &[]).await;
        let counted = counted.map_err(DatabaseError::query("count rows of the target"))?;
        Ok(counted.get(0))
    }

    /// Deletes up to 10,000 of them as the pipeline deletes rows, softly or for good, and says how
    /// many it were. They are deleted as of `versions`, parallel to `places`, so that only what is
    /// newer brings them back; `None`: as of their own.
    pub async fn delete_older(
        &self,
        client: &Client,
        places: &[LogPlace],
        versions: &[Option<Vec<u8>>],
    ) -> Result<u64, DatabaseError> {
        let Some(older) = &self.older else {
            return Ok(0);
        };
        let places = Places::new(places);
        let mut parameters = places.parameters().to_vec();
        parameters.push(("versions", Type::BYTEA_ARRAY, &versions));
        parameters.push(("most", Type::INT8, &DELETED_MAX));
        let deleted = placeholder::query_one(client, &older.delete, &parameters).await;
        let deleted = deleted.map_err(DatabaseError::query("delete rows"))?;
        Ok(deleted.get::<_, i64>(0).unsigned_abs())
    }
}

/// Places as statements take them.
struct Places {
    partitions: Vec<i32>,
    logs: Vec<i32>,
    offsets: Vec<i64>,
}

impl Places {
    fn new(places: &[LogPlace]) -> Self {
        Self {
            partitions: places.iter().map(|place| place.partition).collect(),
            logs: places.iter().map(|place| place.log).collect(),
            offsets: places.iter().map(|place| place.offset).collect(),
        }
    }

    fn parameters(&self) -> [Named<'_>; 3] {
        [
            ("partitions", Type::INT4_ARRAY, &self.partitions),
            ("logs", Type::INT4_ARRAY, &self.logs),
            ("offsets", Type::INT8_ARRAY, &self.offsets),
        ]
    }
}
