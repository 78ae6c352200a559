//! Whose lock a statement waits for.

use std::fmt;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

use crate::wire::database_error::DatabaseError;

/// A session that another waits for. Nothing of its statement but the command: a literal can be
/// anywhere behind that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocker {
    /// 0: no session, but a prepared transaction.
    pub pid: i32,
    pub user: String,
    pub application: String,
    /// What it does, or did last, in capitals; empty where that cannot be told.
    pub command: &'static str,
    /// How long its transaction is open.
    pub seconds: i64,
}

/// What sessions do that hold locks on tables, and what may come before it.
const COMMANDS: [&str; 27] = [
    "ALTER",
    "ANALYZE",
    "BEGIN",
    "CALL",
    "CLUSTER",
    "COMMENT",
    "COPY",
    "CREATE",
    "DELETE",
    "DO",
    "DROP",
    "EXECUTE",
    "FETCH",
    "GRANT",
    "INSERT",
    "LOCK",
    "MERGE",
    "REFRESH",
    "REINDEX",
    "REVOKE",
    "ROLLBACK",
    "SAVEPOINT",
    "SELECT",
    "TRUNCATE",
    "UPDATE",
    "VACUUM",
    "WITH",
];

/// The sessions that the one of backend `pid` waits for now.
pub async fn blockers(client: &Client, pid: i32) -> Result<Vec<Blocker>, DatabaseError> {
    let pids = "select distinct unnest(pg_catalog.pg_blocking_pids($1)) as pid";
    sessions(client, pids, &pid).await
}

/// The sessions whose locks keep rows out of `table`, or out of a partition of it, now; none where
/// there is no such table.
pub async fn holders(client: &Client, table: &str) -> Result<Vec<Blocker>, DatabaseError> {
    // `pg_partition_tree` would wait for the very lock.
    let pids = r"
        with recursive part (oid) as (
          select pg_catalog.to_regclass($1)::oid
          union
          select i.inhrelid
          from part
            join pg_catalog.pg_inherits i on i.inhparent = part.oid
        )
        select distinct coalesce(pid, 0) as pid
        from pg_catalog.pg_locks
          join part on part.oid = relation
        where locktype = 'relation' and granted
          and database = (
            select oid from pg_catalog.pg_database where datname = pg_catalog.current_database()
          )
          and mode in (
            'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'
          )";
    sessions(client, pids, &table).await
}

/// What the sessions are that `pids` selects.
async fn sessions(
    client: &Client,
    pids: &str,
    of: &(dyn ToSql + Sync),
) -> Result<Vec<Blocker>, DatabaseError> {
    let sql = format!(
        r"
        select
          p.pid, coalesce(a.usename::text, ''), coalesce(a.application_name, ''),
          coalesce(a.query, ''),
          coalesce(extract(epoch from clock_timestamp() - a.xact_start)::bigint, 0)
        from ({pids}) p
          left join pg_catalog.pg_stat_activity a on a.pid = p.pid
        order by 1"
    );
    let rows = client.query(&sql, &[of]).await;
    let rows = rows.map_err(DatabaseError::query("ask who holds the lock"))?;
    let blocker = |row: &Row| Blocker {
        pid: row.get(0),
        user: row.get(1),
        application: row.get(2),
        command: command(row.get(3)),
        seconds: row.get(4),
    };
    Ok(rows.iter().map(blocker).collect())
}

/// The command that a statement begins with, where it is one that is known.
fn command(statement: &str) -> &'static str {
    let statement = statement.trim_start();
    let end = statement.find(|c: char| !c.is_ascii_alphabetic());
    let word = &statement[..end.unwrap_or(statement.len())];
    let is_it = |command: &&&str| command.eq_ignore_ascii_case(word);
    COMMANDS.iter().find(is_it).copied().unwrap_or("")
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pid == 0 {
            return f.write_str("a prepared transaction (see pg_prepared_xacts)");
        }
        let Self {
            pid,
            user,
            application,
            command,
            seconds,
        } = self;
        write!(f, "backend {pid} of {user}, application {application:?}")?;
        if !command.is_empty() {
            write!(f, ", last command {command}")?;
        }
        write!(f, ", in a transaction for {seconds} s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_the_command_of_a_statement_is_said() {
        for (statement, said) in [
            ("update users set name = 'O''Neil' where id = $1", "UPDATE"),
            ("-- don't\nupdate users set password = 'hunter2'", ""),
            ("/* it's */ update users set password = 'hunter2'", ""),
            ("update \"o'neil\" set password = 'hunter2'", "UPDATE"),
            ("insert into files values ('C:\\', 'hunter2')", "INSERT"),
            ("select $a$hunter2$a$, E'it\\'s hunter2'", "SELECT"),
            ("  Lock\ttable people", "LOCK"),
            ("hunter2", ""),
            ("<insufficient privilege>", ""),
            ("", ""),
        ] {
            assert_eq!(command(statement), said, "{statement}");
            let blocker = Blocker {
                pid: 7,
                user: "ann".to_owned(),
                application: "psql".to_owned(),
                command: command(statement),
                seconds: 3,
            };
            assert!(!blocker.to_string().contains("hunter2"), "{blocker}");
        }
        let prepared = Blocker {
            pid: 0,
            user: String::new(),
            application: String::new(),
            command: "",
            seconds: 0,
        };
        let said = "a prepared transaction (see pg_prepared_xacts)";
        assert_eq!(prepared.to_string(), said);
    }
}
