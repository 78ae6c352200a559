//! Dead letters: listing, relaying, giving up.

use gristmill_core::record::Records;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use crate::commit::checkpoint::PartitionKey;
use crate::letters::letter_id::IdArrays;
use crate::wire::column_array::Instant;
use crate::wire::database_error::DatabaseError;
use crate::wire::placeholder::{self, Named};

pub use crate::letters::letter_id::{InvalidLetterId, LetterId, LetterState};

/// A header's name and value, as Kafka had them.
pub type Header = (String, Option<Vec<u8>>);

/// A stored dead letter.
#[derive(Clone, Debug)]
pub struct StoredLetter {
    pub pipeline: String,
    pub run: i64,
    pub id: LetterId,
    pub stage: String,
    pub code: String,
    pub message: String,
    pub revision: i32,
    pub digest: Option<String>,
    pub key: Option<Vec<u8>>,
    pub headers: Vec<Header>,
    pub value: Option<Vec<u8>>,
    /// Of key, headers and value together, also where they were not read ([`list`]).
    pub bytes: i64,
    /// Kafka's timestamp, milliseconds.
    pub record_at_ms: Option<i64>,
    pub attempts: i32,
    pub state: LetterState,
    /// When it was stored, microseconds since the Unix epoch.
    pub at_us: i64,
}

/// Which dead letters to list. The default is all of them.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only letters in one of these states; empty: in any.
    pub states: Vec<LetterState>,
    pub code: Option<String>,
    pub topic: Option<String>,
    pub partition: Option<i32>,
    /// At most so many, oldest offsets first.
    pub limit: Option<i64>,
}

/// What a [`Filter`] lets through.
const SELECTED: &str = r"
    from gristmill.dead_letter
    where pipeline = :pipeline and run = :run
      and (pg_catalog.cardinality(:states) = 0 or state = any (:states))
      and (:code is null or code = :code)
      and (:topic is null or topic = :topic)
      and (:partition is null or partition = :partition)";

/// The parameters of [`SELECTED`].
fn selected<'a>(
    pipeline: &'a &str,
    run: &'a i64,
    states: &'a &[&str],
    filter: &'a Filter,
) -> [Named<'a>; 6] {
    [
        ("pipeline", Type::TEXT, pipeline),
        ("run", Type::INT8, run),
        ("states", Type::TEXT_ARRAY, states),
        ("code", Type::TEXT, &filter.code),
        ("topic", Type::TEXT, &filter.topic),
        ("partition", Type::INT4, &filter.partition),
    ]
}

/// The dead letters of a run that `filter` lets through, in the order of their ids; without keys,
/// headers and values, which may be more than memory holds: [`read`] gets them.
pub async fn list(
    client: &Client,
    pipeline: &str,
    run: i64,
    filter: &Filter,
) -> Result<Vec<StoredLetter>, DatabaseError> {
    let sql = format!(
        r#"
        select
          pipeline, run, topic, partition, "offset", ordinal, stage, code, message, revision,
          digest, null::bytea as key, null::jsonb as headers, null::bytea as value, record_at, log,
          attempts,
          state, at,
          coalesce(pg_catalog.octet_length(key), 0)::bigint
            + coalesce(pg_catalog.octet_length(value), 0)
            + coalesce(pg_catalog.pg_column_size(headers), 0) as bytes
        {SELECTED}
        order by topic, partition, log, "offset", ordinal
        limit :limit"#
    );
    let states = names(&filter.states);
    let states = states.as_slice();
    let mut parameters = selected(&pipeline, &run, &states, filter).to_vec();
    parameters.push(("limit", Type::INT8, &filter.limit));
    let rows = placeholder::query(client, &sql, &parameters).await;
    letters(&rows.map_err(DatabaseError::query("list dead letters"))?)
}

/// Dead letters of a run by their ids, with their bytes; in the order of their ids.
pub async fn read(
    client: &Client,
    pipeline: &str,
    run: i64,
    ids: &[LetterId],
) -> Result<Vec<StoredLetter>, DatabaseError> {
    let arrays = IdArrays::new(ids);
    let mut parameters: Vec<Named<'_>> = vec![
        ("pipeline", Type::TEXT, &pipeline),
        ("run", Type::INT8, &run),
    ];
    parameters.extend(arrays.parameters());
    let sql = r#"
        select d.*
        from unnest(:topics, :partitions, :logs, :offsets, :ordinals)
            as i (topic, partition, log, "offset", ordinal)
          join gristmill.dead_letter d using (topic, partition, log, "offset", ordinal)
        where d.pipeline = :pipeline and d.run = :run
        order by topic, partition, log, "offset", ordinal"#;
    let rows = placeholder::query(client, sql, &parameters).await;
    letters(&rows.map_err(DatabaseError::query("read dead letters"))?)
}

/// How many dead letters of a run `filter` lets through, whatever its limit.
pub async fn count(
    client: &Client,
    pipeline: &str,
    run: i64,
    filter: &Filter,
) -> Result<i64, DatabaseError> {
    let sql = format!("select count(*) {SELECTED}");
    let states = names(&filter.states);
    let states = states.as_slice();
    let parameters = selected(&pipeline, &run, &states, filter);
    let row = placeholder::query_one(client, &sql, &parameters).await;
    let row = row.map_err(DatabaseError::query("count dead letters"))?;
    Ok(row.get(0))
}

/// One dead letter. `None`: there is none of that id.
pub async fn show(
    client: &Client,
    pipeline: &str,
    run: i64,
    id: &LetterId,
) -> Result<Option<StoredLetter>, DatabaseError> {
    let sql = r#"
        select *
        from gristmill.dead_letter
        where pipeline = :pipeline and run = :run and topic = :topic and partition = :partition
          and log = :log and "offset" = :offset and ordinal = :ordinal"#;
    let parameters: [Named<'_>; 7] = [
        ("pipeline", Type::TEXT, &pipeline),
        ("run", Type::INT8, &run),
        ("topic", Type::TEXT, &id.topic),
        ("log", Type::INT4, &id.log),
        ("partition", Type::INT4, &id.partition),
        ("offset", Type::INT8, &id.offset),
        ("ordinal", Type::INT4, &id.ordinal),
    ];
    let rows = placeholder::query(client, sql, &parameters).await;
    let rows = rows.map_err(DatabaseError::query("read a dead letter"))?;
    Ok(letters(&rows)?.pop())
}

/// The partitions with dead letters to be relayed that `owner` owns in `pipelines` (each with its
/// run), by pipeline, topic and partition.
pub async fn unrelayed_partitions(
    client: &Client,
    owner: &str,
    pipelines: &[(&str, i64)],
) -> Result<Vec<PartitionKey>, DatabaseError> {
    let (names, runs): (Vec<&str>, Vec<i64>) = pipelines.iter().copied().unzip();
    let parameters: [Named<'_>; 3] = [
        ("owner", Type::TEXT, &owner),
        ("pipelines", Type::TEXT_ARRAY, &names),
        ("runs", Type::INT8_ARRAY, &runs),
    ];
    // One look into the index `dead_letter_to_relay` a partition.
    let sql = r"
        select pipeline, run, c.topic, c.partition
        from unnest(:pipelines, :runs) as p (pipeline, run)
          join gristmill.checkpoint c using (pipeline, run)
        where c.owner = :owner
          and exists (
            select
            from gristmill.dead_letter d
            where d.state = 'new' and d.relay_refused is null and d.pipeline = c.pipeline
              and d.run = c.run and d.topic = c.topic and d.partition = c.partition
          )
        order by pipeline, run, c.topic, c.partition";
    let rows = placeholder::query(client, sql, &parameters).await;
    let rows = rows.map_err(DatabaseError::query("look for dead letters to relay"))?;
    let key = |row: &Row| PartitionKey {
        pipeline: row.get(0),
        run: row.get(1),
        topic: row.get(2),
        partition: row.get(3),
    };
    Ok(rows.iter().map(key).collect())
}

/// The oldest dead letters of a partition that have not been relayed, in the order of their ids: at
/// most `limit`, and at most `bytes` of keys, values and headers, but one at least.
pub async fn unrelayed(
    client: &Client,
    partition: &PartitionKey,
    limit: i64,
    bytes: i64,
) -> Result<Vec<StoredLetter>, DatabaseError> {
    let parameters: [Named<'_>; 6] = [
        ("pipeline", Type::TEXT, &partition.pipeline),
        ("run", Type::INT8, &partition.run),
        ("topic", Type::TEXT, &partition.topic),
        ("partition", Type::INT4, &partition.partition),
        ("limit", Type::INT8, &limit),
        ("bytes", Type::INT8, &bytes),
    ];
    // Sizes are known without the values, which are read for those that are chosen alone.
    let sql = r#"
        with waiting as (
          select
            pipeline, run, topic, partition, log, "offset", ordinal,
            coalesce(pg_catalog.octet_length(key), 0)::bigint
            + coalesce(pg_catalog.octet_length(value), 0)
              + coalesce(pg_catalog.pg_column_size(headers), 0) as bytes
          from gristmill.dead_letter
          where state = 'new' and relay_refused is null and pipeline = :pipeline and run = :run
            and topic = :topic and partition = :partition
          order by log, "offset", ordinal
          limit :limit
        ),
        summed as (
          select
            *,
            pg_catalog.sum(bytes) over (order by log, "offset", ordinal) as bytes_up_to,
            pg_catalog.row_number() over (order by log, "offset", ordinal) as place
          from waiting
        )
        select d.*
        from summed
          join gristmill.dead_letter d
            using (pipeline, run, topic, partition, log, "offset", ordinal)
        where bytes_up_to <= :bytes or place = 1
        order by log, "offset", ordinal"#;
    let rows = placeholder::query(client, sql, &parameters).await;
    letters(&rows.map_err(DatabaseError::query("read the dead letters to relay"))?)
}

/// Notes why the topic does not take a letter: it stays new and is not relayed again, until
/// [`try_refused_again`].
pub async fn relay_refused(
    client: &Client,
    letter: &StoredLetter,
    reason: &str,
) -> Result<(), DatabaseError> {
    let id = &letter.id;
    let parameters: [Named<'_>; 8] = [
        ("pipeline", Type::TEXT, &letter.pipeline),
        ("run", Type::INT8, &letter.run),
        ("topic", Type::TEXT, &id.topic),
        ("log", Type::INT4, &id.log),
        ("partition", Type::INT4, &id.partition),
        ("offset", Type::INT8, &id.offset),
        ("ordinal", Type::INT4, &id.ordinal),
        ("reason", Type::TEXT, &reason),
    ];
    let sql = r#"
        update gristmill.dead_letter
        set relay_refused = :reason
        where pipeline = :pipeline and run = :run and topic = :topic and partition = :partition
          and log = :log and "offset" = :offset and ordinal = :ordinal"#;
    let noted = placeholder::execute(client, sql, &parameters).await;
    noted
        .map_err(DatabaseError::query("note what the topic refuses"))
        .map(drop)
}

/// Lets the letters that the topic did not take be relayed again: it may have changed.
pub async fn try_refused_again(client: &Client, pipelines: &[&str]) -> Result<u64, DatabaseError> {
    let sql = r"
        update gristmill.dead_letter
        set relay_refused = null
        where state = 'new' and relay_refused is not null and pipeline = any (:pipelines)";
    let parameters: [Named<'_>; 1] = [("pipelines", Type::TEXT_ARRAY, &pipelines)];
    placeholder::execute(client, sql, &parameters)
        .await
        .map_err(DatabaseError::query("try refused letters again"))
}

/// Marks letters relayed, but for those that a person has settled meanwhile. Returns how many.
pub async fn relayed(client: &Client, letters: &[&StoredLetter]) -> Result<u64, DatabaseError> {
    let ids = IdArrays::new(letters.iter().map(|letter| &letter.id));
    let pipelines: Vec<_> = letters.iter().map(|letter| &letter.pipeline).collect();
    let runs: Vec<_> = letters.iter().map(|letter| letter.run).collect();
    let mut parameters: Vec<Named<'_>> = vec![
        ("pipelines", Type::TEXT_ARRAY, &pipelines),
        ("runs", Type::INT8_ARRAY, &runs),
    ];
    parameters.extend(ids.parameters());
    let sql = r#"
        update gristmill.dead_letter d
        set state = 'relayed'
        from unnest(:pipelines, :runs, :topics, :partitions, :logs, :offsets, :ordinals)
          as i (pipeline, run, topic, partition, log, o, ordinal)
        where d.pipeline = i.pipeline and d.run = i.run and d.topic = i.topic
          and d.partition = i.partition and d.log = i.log and d."offset" = i.o
          and d.ordinal = i.ordinal and d.state = 'new'"#;
    placeholder::execute(client, sql, &parameters)
        .await
        .map_err(DatabaseError::query("mark dead letters relayed"))
}

/// Moves the letters that are in one of the states `from` to the state `to`; the others stay as
/// they are. Returns how many moved.
pub async fn set_state(
    client: &Client,
    pipeline: &str,
    run: i64,
    ids: &[LetterId],
    from: &[LetterState],
    to: LetterState,
) -> Result<u64, DatabaseError> {
    let arrays = IdArrays::new(ids);
    let (from, to) = (names(from), to.as_str());
    let mut parameters: Vec<Named<'_>> = vec![
        ("pipeline", Type::TEXT, &pipeline),
        ("run", Type::INT8, &run),
        ("from", Type::TEXT_ARRAY, &from),
        ("to", Type::TEXT, &to),
    ];
    parameters.extend(arrays.parameters());
    let sql = r#"
        update gristmill.dead_letter d
        set state = :to
        from unnest(:topics, :partitions, :logs, :offsets, :ordinals)
          as i (topic, partition, log, o, ordinal)
        where d.pipeline = :pipeline and d.run = :run and d.topic = i.topic
          and d.partition = i.partition and d.log = i.log and d."offset" = i.o
          and d.ordinal = i.ordinal and d.state = any (:from)"#;
    placeholder::execute(client, sql, &parameters)
        .await
        .map_err(DatabaseError::query("set the state of dead letters"))
}

fn names(states: &[LetterState]) -> Vec<&'static str> {
    states.iter().map(|state| state.as_str()).collect()
}

/// The records behind `letters`, which are of one partition and log and in order, each record once:
/// what a replay computes again.
pub fn records(letters: &[StoredLetter]) -> Records {
    let mut records = Records::default();
    for letter in letters {
        if records
            .last()
            .is_none_or(|last| last.offset < letter.id.offset)
        {
            let headers = letter
                .headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_deref()));
            records.push(
                letter.id.offset,
                letter.record_at_ms,
                letter.key.as_deref(),
                letter.value.as_deref(),
                headers,
            );
        }
    }
    records
}

fn letters(rows: &[Row]) -> Result<Vec<StoredLetter>, DatabaseError> {
    rows.iter()
        .map(letter)
        .collect::<Result<_, _>>()
        .map_err(DatabaseError::query("read dead letters"))
}

fn letter(row: &Row) -> Result<StoredLetter, tokio_postgres::Error> {
    let headers: Option<serde_json::Value> = row.try_get("headers")?;
    let (key, value): (Option<Vec<u8>>, Option<Vec<u8>>) =
        (row.try_get("key")?, row.try_get("value")?);
    let len = |part: &Option<Vec<u8>>| part.as_ref().map_or(0, Vec::len) as i64;
    let read = len(&key) + len(&value);
    let id = LetterId {
        topic: row.try_get("topic")?,
        log: row.try_get("log")?,
        partition: row.try_get("partition")?,
        offset: row.try_get("offset")?,
        ordinal: row.try_get("ordinal")?,
    };
    Ok(StoredLetter {
        pipeline: row.try_get("pipeline")?,
        run: row.try_get("run")?,
        id,
        stage: row.try_get("stage")?,
        code: row.try_get("code")?,
        message: row.try_get("message")?,
        revision: row.try_get("revision")?,
        digest: row.try_get("digest")?,
        key,
        headers: headers
            .as_ref()
            .and_then(serde_json::Value::as_array)
            .into_iter()
            .flatten()
            .map(header)
            .collect(),
        value,
        bytes: row.try_get("bytes").unwrap_or(read),
        record_at_ms: row
            .try_get::<_, Option<Instant>>("record_at")?
            .map(Instant::ms),
        attempts: row.try_get("attempts")?,
        state: LetterState::from_stored(row.try_get("state")?),
        at_us: row.try_get::<_, Instant>("at")?.0,
    })
}

/// The inverse of what [`crate::commit::letter_arrays`] stores.
fn header(stored: &serde_json::Value) -> Header {
    let part = |text: &str, hex: &str| match (stored.get(text), stored.get(hex)) {
        (Some(text), _) => text.as_str().map(|s| s.as_bytes().to_vec()),
        (None, Some(hex)) => hex.as_str().map(unhex),
        (None, None) => None,
    };
    let name = part("name", "name_hex").unwrap_or_default();
    (
        String::from_utf8_lossy(&name).into_owned(),
        part("text", "hex"),
    )
}

fn unhex(digits: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or(0) as u8;
    digits
        .as_bytes()
        .chunks_exact(2)
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect()
}
