//! Dead letters: listing, relaying, giving up.

use gristmill_core::record::Records;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

use crate::letters::letter_id::IdColumns;
use crate::wire::error::DatabaseError;
use crate::wire::values::Instant;

pub use crate::letters::letter_id::{InvalidLetterId, LetterId, LetterState};

/// A header's name and value, as Kafka had them.
pub type Header = (String, Option<Vec<u8>>);

/// A stored dead letter with the record's bytes.
#[derive(Clone, Debug)]
pub struct StoredLetter {
    pub id: LetterId,
    pub stage: String,
    pub code: String,
    pub message: String,
    pub revision: i32,
    pub digest: Option<String>,
    pub key: Option<Vec<u8>>,
    pub headers: Vec<Header>,
    pub value: Option<Vec<u8>>,
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
    /// In one of these states; none: in any.
    pub states: Vec<LetterState>,
    pub code: Option<String>,
    pub topic: Option<String>,
    pub partition: Option<i32>,
    /// At most so many, oldest offsets first.
    pub limit: Option<i64>,
}

/// What [`Filter`] lets through; parameters as [`Selected`] has them.
const SELECTED: &str = "from gristmill.dead_letter where pipeline = $1 and run = $2 and \
                        (cardinality($3::text[]) = 0 or state = any ($3)) and ($4::text is null \
                        or code = $4) and ($5::text is null or topic = $5) and ($6::int4 is null \
                        or partition = $6)";

/// The parameters of [`SELECTED`].
struct Selected<'a> {
    pipeline: &'a str,
    run: i64,
    states: Vec<&'static str>,
    filter: &'a Filter,
}

impl<'a> Selected<'a> {
    fn new(pipeline: &'a str, run: i64, filter: &'a Filter) -> Self {
        Self {
            pipeline,
            run,
            states: filter.states.iter().map(|s| s.as_str()).collect(),
            filter,
        }
    }

    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        let filter = self.filter;
        vec![
            &self.pipeline,
            &self.run,
            &self.states,
            &filter.code,
            &filter.topic,
            &filter.partition,
        ]
    }
}

/// The dead letters of a run that `filter` lets through, by topic, partition, offset and ordinal.
pub async fn list(
    client: &Client,
    pipeline: &str,
    run: i64,
    filter: &Filter,
) -> Result<Vec<StoredLetter>, DatabaseError> {
    let sql =
        format!("select * {SELECTED} order by topic, partition, \"offset\", ordinal limit $7");
    let selected = Selected::new(pipeline, run, filter);
    let mut parameters = selected.parameters();
    parameters.push(&filter.limit);
    letters(
        client
            .query(&sql, &parameters)
            .await
            .map_err(DatabaseError::query("list dead letters"))?,
    )
}

/// How many dead letters of a run `filter` lets through, whatever its limit.
pub async fn count(
    client: &Client,
    pipeline: &str,
    run: i64,
    filter: &Filter,
) -> Result<i64, DatabaseError> {
    let sql = format!("select count(*) {SELECTED}");
    let selected = Selected::new(pipeline, run, filter);
    let row = client
        .query_one(&sql, &selected.parameters())
        .await
        .map_err(DatabaseError::query("count dead letters"))?;
    Ok(row.get(0))
}

/// One dead letter. `None`: there is none of that id.
pub async fn show(
    client: &Client,
    pipeline: &str,
    run: i64,
    id: &LetterId,
) -> Result<Option<StoredLetter>, DatabaseError> {
    let sql = "select * from gristmill.dead_letter where pipeline = $1 and run = $2 and topic = \
               $3 and partition = $4 and \"offset\" = $5 and ordinal = $6";
    let parameters: [&(dyn ToSql + Sync); 6] = [
        &pipeline,
        &run,
        &id.topic,
        &id.partition,
        &id.offset,
        &id.ordinal,
    ];
    let rows = client
        .query(sql, &parameters)
        .await
        .map_err(DatabaseError::query("read a dead letter"))?;
    Ok(letters(rows)?.pop())
}

/// The oldest `limit` dead letters of a partition that have not been relayed, in order.
pub async fn unrelayed(
    client: &Client,
    pipeline: &str,
    run: i64,
    topic: &str,
    partition: i32,
    limit: i64,
) -> Result<Vec<StoredLetter>, DatabaseError> {
    let sql = "select * from gristmill.dead_letter where state = 'new' and pipeline = $1 and run \
               = $2 and topic = $3 and partition = $4 order by \"offset\", ordinal limit $5";
    let parameters: [&(dyn ToSql + Sync); 5] = [&pipeline, &run, &topic, &partition, &limit];
    letters(
        client
            .query(sql, &parameters)
            .await
            .map_err(DatabaseError::query("read the dead letters to relay"))?,
    )
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
    let sql = "update gristmill.dead_letter d set state = $8 from unnest($3::text[], $4::int4[], \
               $5::int8[], $6::int4[]) as i (topic, partition, o, ordinal) where d.pipeline = $1 \
               and d.run = $2 and d.topic = i.topic and d.partition = i.partition and \
               d.\"offset\" = i.o and d.ordinal = i.ordinal and d.state = any ($7::text[])";
    let columns = IdColumns::new(ids);
    let from: Vec<_> = from.iter().map(|s| s.as_str()).collect();
    let to = to.as_str();
    let parameters: [&(dyn ToSql + Sync); 8] = [
        &pipeline,
        &run,
        &columns.topics,
        &columns.partitions,
        &columns.offsets,
        &columns.ordinals,
        &from,
        &to,
    ];
    client
        .execute(sql, &parameters)
        .await
        .map_err(DatabaseError::query("set the state of dead letters"))
}

/// The records behind `letters`, which are of one partition and in order, each record once: what a
/// replay computes again.
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

fn letters(rows: Vec<Row>) -> Result<Vec<StoredLetter>, DatabaseError> {
    rows.iter()
        .map(letter)
        .collect::<Result<_, _>>()
        .map_err(DatabaseError::query("read dead letters"))
}

fn letter(row: &Row) -> Result<StoredLetter, tokio_postgres::Error> {
    let headers: Option<serde_json::Value> = row.try_get("headers")?;
    let id = LetterId {
        topic: row.try_get("topic")?,
        partition: row.try_get("partition")?,
        offset: row.try_get("offset")?,
        ordinal: row.try_get("ordinal")?,
    };
    Ok(StoredLetter {
        id,
        stage: row.try_get("stage")?,
        code: row.try_get("code")?,
        message: row.try_get("message")?,
        revision: row.try_get("revision")?,
        digest: row.try_get("digest")?,
        key: row.try_get("key")?,
        headers: headers
            .as_ref()
            .and_then(serde_json::Value::as_array)
            .into_iter()
            .flatten()
            .map(header)
            .collect(),
        value: row.try_get("value")?,
        record_at_ms: row
            .try_get::<_, Option<Instant>>("record_at")?
            .map(Instant::ms),
        attempts: row.try_get("attempts")?,
        state: LetterState::from_stored(row.try_get("state")?),
        at_us: row.try_get::<_, Instant>("at")?.0,
    })
}

/// The inverse of what [`crate::commit::letters`] stores.
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
