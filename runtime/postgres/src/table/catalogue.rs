//! What a table has to offer to a config: its columns with their types, and its key.

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::table::target_table::TargetTable;
use crate::wire::connection::Connection;
use crate::wire::database_error::DatabaseError;

/// The columns of a table that can be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// Each with its type, as Postgres spells it: `text` of an enum, the base type of a domain. In
    /// the table's order.
    pub columns: Vec<(String, String)>,
    /// The primary key's, in its order; none where there is no such key.
    pub key: Vec<String>,
}

const CATALOGUE: &str = include_str!("catalogue.sql");

impl Catalogue {
    /// Reads the catalogue of `name` (`table` or `schema.table`, found as psql finds it). `None`:
    /// there is nothing of that name.
    pub async fn load(client: &Client, name: &str) -> Result<Option<Self>, DatabaseError> {
        let Some(table) = TargetTable::load(client, name).await? else {
            return Ok(None);
        };
        let failed = DatabaseError::query("read the columns of the table");
        let rows = client
            .query(CATALOGUE, &[&table.oid])
            .await
            .map_err(failed)?;
        let mut key: Vec<(i32, String)> = Vec::new();
        let mut columns = Vec::with_capacity(rows.len());
        for row in rows {
            let (name, place): (String, Option<i32>) = (row.get(0), row.get(2));
            key.extend(place.map(|place| (place, name.clone())));
            columns.push((name, row.get(1)));
        }
        key.sort();
        Ok(Some(Self {
            columns,
            key: key.into_iter().map(|(_, name)| name).collect(),
        }))
    }

    /// Reads the catalogue that `name` would have once `ddl` has created it: it is created in a
    /// transaction that is rolled back. `None`: it creates nothing of that name.
    pub async fn of_ddl(
        connection: &mut Connection,
        name: &str,
        ddl: &str,
    ) -> Result<Option<Self>, DatabaseError> {
        let failed = || DatabaseError::query("try the SQL that creates the target table");
        let transaction = connection.transaction().await.map_err(failed())?;
        if let Err(error) = transaction.batch_execute(ddl).await {
            return Err(match error.code() {
                Some(&SqlState::DUPLICATE_TABLE) => DatabaseError::Unexpected {
                    doing: "try the SQL that creates the target table",
                    found: format!(
                        "there is no table {name}, and it creates what is there already ({}): let \
                         `table` and `ddl` under [target] be of one table",
                        error
                            .as_db_error()
                            .map_or_else(String::new, |e| e.message().to_owned())
                    ),
                },
                _ => failed()(error),
            });
        }
        let found = Self::load(transaction.client(), name).await?;
        transaction.rollback().await.map_err(failed())?;
        Ok(found)
    }
}
