//! The numbered files of `schema/`, and which of them a database has.

use tokio_postgres::Client;

use crate::wire::connection::Connection;
use crate::wire::database_error::DatabaseError;

/// A numbered file of `schema/`.
pub(crate) struct Migration {
    pub(crate) version: i32,
    name: &'static str,
    sql: &'static str,
    /// Programs that know this migration go on beside the file: it only adds what they need not
    /// know. 0 for those from before `gristmill.migration` said so.
    compatible_from: i32,
}

/// Takes a file by its number, its name, and the oldest migration whose programs go on beside it.
macro_rules! migration {
    ($version:literal, $name:literal $(, $compatible_from:literal)?) => {
        Migration {
            version: $version,
            name: $name,
            sql: include_str!(concat!("../../../../schema/", $name, ".sql")),
            compatible_from: 0 $(+ $compatible_from)?,
        }
    };
}

/// Ours and not a crate's: `refinery` runs files like these, too, but keeps its own table with
/// checksums, and cannot take over databases whose `gristmill.migration` says what they have.
pub(crate) const MIGRATIONS: [Migration; 18] = [
    migration!(1, "001_gristmill"),
    migration!(2, "002_rollout"),
    migration!(3, "003_canary"),
    migration!(4, "004_shadow"),
    migration!(5, "005_rollback"),
    migration!(6, "006_versions"),
    migration!(7, "007_steering"),
    migration!(8, "008_topics"),
    migration!(9, "009_compatible", 9),
    // Older programs name the key of dead letters as it was.
    migration!(10, "010_names", 10),
    migration!(11, "011_cells", 10),
    migration!(12, "012_tombstones", 10),
    migration!(13, "013_read_back", 10),
    migration!(14, "014_columns", 10),
    migration!(15, "015_left_out", 10),
    migration!(16, "016_tombstones_alone", 10),
    migration!(17, "017_schemas", 10),
    migration!(18, "018_forgotten_logs", 10),
];

/// The version that this program works with.
pub(crate) const NEWEST: i32 = MIGRATIONS[MIGRATIONS.len() - 1].version;

/// Lets two hosts that start at once take turns. The number is "gristmill" by a telephone's keys,
/// and means nothing.
pub(crate) const LOCK: &str = "select pg_catalog.pg_advisory_xact_lock(474786455)";

impl Migration {
    /// Its SQL, and the mark that it was applied.
    pub(crate) fn script(&self) -> String {
        let Self {
            version, name, sql, ..
        } = self;
        let (column, value) = match self.compatible_from {
            0 => ("", String::new()),
            from => (", compatible_from", format!(", {from}")),
        };
        format!(
            "{sql}\ninsert into gristmill.migration (version, name{column})\nvalues ({version}, \
             '{name}'{value});\n"
        )
    }
}

/// Applies what is missing, each migration in a transaction. Returns the names of what it applied.
pub(crate) async fn migrate(
    connection: &mut Connection,
) -> Result<Vec<&'static str>, DatabaseError> {
    let failed = || DatabaseError::query("apply the schema");
    let mut applied = Vec::new();
    for migration in &MIGRATIONS {
        let transaction = connection.transaction().await.map_err(failed())?;
        transaction.batch_execute(LOCK).await.map_err(failed())?;
        if version(transaction.client()).await? >= migration.version {
            continue;
        }
        let script = migration.script();
        transaction.batch_execute(&script).await.map_err(failed())?;
        transaction.commit().await.map_err(failed())?;
        applied.push(migration.name);
    }
    Ok(applied)
}

/// Whether what a newer program has added leaves this one be.
pub(crate) async fn is_compatible(client: &Client) -> Result<bool, DatabaseError> {
    let sql = r"
        select coalesce(bool_and(coalesce(compatible_from, version) <= $1), true)
        from gristmill.migration
        where version > $1";
    let compatible = client
        .query_one(sql, &[&NEWEST])
        .await
        .map_err(DatabaseError::query("read which migrations were applied"))?;
    Ok(compatible.get(0))
}

/// The newest migration that was applied; 0 where there is none.
pub(crate) async fn version(client: &Client) -> Result<i32, DatabaseError> {
    let failed = || DatabaseError::query("read which migrations were applied");
    let exists = "select pg_catalog.to_regclass('gristmill.migration') is not null";
    let exists = client.query_one(exists, &[]).await.map_err(failed())?;
    if !exists.get::<_, bool>(0) {
        return Ok(0);
    }
    let newest = "select coalesce(max(version), 0) from gristmill.migration";
    let newest = client.query_one(newest, &[]).await.map_err(failed())?;
    Ok(newest.get(0))
}
