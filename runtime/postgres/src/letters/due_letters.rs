//! Dead letters that are tried again by themselves: another row was in the way of theirs (a foreign
//! key whose row has not come yet, a value that another row still has), and it may be there, or
//! gone, a little later.

use std::time::Duration;

use gristmill_core::dead_letter::DeadLetter;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use crate::commit::overtaken::OVERTAKEN;
use crate::letters::letter_id::LetterId;
use crate::wire::database_error::DatabaseError;
use crate::wire::placeholder::{self, Named};

/// How long after it was made a letter is tried again: after 10 s, and after twice as long each
/// time. What other partitions and other topics bring is late by seconds; what is not there after
/// some minutes does not come by itself.
pub const FOR: Duration = Duration::from_secs(900);

/// How the message begins of a row that a foreign key (23503) or a unique one (23505) refuses, and
/// of one whose key's later events the partition was reading again when it was tried.
const OF_OTHERS: [&str; 3] = [
    "postgres refuses the row with SQLSTATE 23503:",
    "postgres refuses the row with SQLSTATE 23505:",
    OVERTAKEN,
];

/// Whether another row is in the way of the letter's.
pub fn waits_for_others(letter: &DeadLetter) -> bool {
    OF_OTHERS
        .iter()
        .any(|begin| letter.message.starts_with(begin))
}

/// The letters of `pipeline` that are due, of partitions that `owner` runs; at most 1,000, which is
/// what a replay takes at a time.
pub async fn due(
    client: &Client,
    owner: &str,
    pipeline: &str,
    run: i64,
) -> Result<Vec<LetterId>, DatabaseError> {
    let for_seconds = FOR.as_secs_f64();
    let parameters: [Named<'_>; 5] = [
        ("owner", Type::TEXT, &owner),
        ("pipeline", Type::TEXT, &pipeline),
        ("run", Type::INT8, &run),
        ("begins", Type::TEXT_ARRAY, &OF_OTHERS.as_slice()),
        ("for_seconds", Type::FLOAT8, &for_seconds),
    ];
    let sql = r#"
        select d.topic, d.partition, d.log, d."offset", d.ordinal
        from gristmill.dead_letter d
          join gristmill.checkpoint c using (pipeline, run, topic, partition)
        where d.pipeline = :pipeline and d.run = :run and d.state in ('new', 'relayed')
          and d.code = 'refused'
          and exists (
            select from unnest(:begins) as b (begin)
            where pg_catalog.left(d.message, pg_catalog.length(b.begin)) = b.begin
          )
          and d.at > now() - pg_catalog.make_interval(secs => :for_seconds)
          and d.at < now() - pg_catalog.make_interval(
            secs => pg_catalog.power(2, least(d.attempts, 10)) operator(pg_catalog.*) 10
          )
          and c.owner = :owner and c.state = 'running'
        order by d.topic, d.partition, d.log, d."offset", d.ordinal
        limit 1000"#;
    let rows = placeholder::query(client, sql, &parameters).await;
    let rows = rows.map_err(DatabaseError::query(
        "look for dead letters to be tried again",
    ))?;
    let id = |row: &Row| LetterId {
        topic: row.get(0),
        partition: row.get(1),
        log: row.get(2),
        offset: row.get(3),
        ordinal: row.get(4),
    };
    Ok(rows.iter().map(id).collect())
}
