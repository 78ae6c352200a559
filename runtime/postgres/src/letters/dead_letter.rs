//! Dead letters: listing, relaying, giving up.

use gristmill_core::record::Records;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use crate::letters::letter_id::IdColumns;
use crate::wire::error::DatabaseError;
use crate::wire::placeholder::{self, Named};
use crate::wire::values::Instant;

pub use crate::letters::letter_id::{InvalidLetterId, LetterId, LetterState};

/// A header's name and value, as Kafka had them.
pub type Header = (String, Option<Vec<u8>>);

/// A stored dead letter with the record's bytes.
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

/// The oldest dead letters that have not been relayed, of all partitions that `owner` owns in
/// `pipelines` (each with its run): at most `limit`, in the order of pipeline, topic, partition,
/// offset and ordinal.
pub async fn unrelayed(
    client: &Client,
    owner: &str,
    pipelines: &[(&str, i64)],
    limit: i64,
) -> Result<Vec<StoredLetter>, DatabaseError> {
    let (names, runs): (Vec<&str>, Vec<i64>) = pipelines.iter().copied().unzip();
    let parameters: [Named<'_>; 4] = [
        ("owner", Type::TEXT, &owner),
        ("pipelines", Type::TEXT_ARRAY, &names),
        ("runs", Type::INT8_ARRAY, &runs),
        ("limit", Type::INT8, &limit),
    ];
    // One look into the index `dead_letter_new` a partition.
    let sql = r#"
        select d.*
        from unnest(:pipelines, :runs) as p (pipeline, run)
          join gristmill.checkpoint c using (pipeline, run)
          cross join lateral (
            select *
            from gristmill.dead_letter d
            where d.state = 'new' and d.pipeline = c.pipeline and d.run = c.run
              and d.topic = c.topic and d.partition = c.partition
            order by d."offset", d.ordinal
            limit :limit
          ) as d
        where c.owner = :owner
        order by d.pipeline, d.run, d.topic, d.partition, d."offset", d.ordinal
        limit :limit"#;
    letters(
        placeholder::query(client, sql, &parameters)
            .await
            .map_err(DatabaseError::query("read the dead letters to relay"))?,
    )
}

/// Marks letters relayed, but for those that a person has settled meanwhile. Returns how many.
pub async fn relayed(client: &Client, letters: &[StoredLetter]) -> Result<u64, DatabaseError> {
    let id = || letters.iter().map(|letter| &letter.id);
    let pipelines: Vec<_> = letters
        .iter()
        .map(|letter| letter.pipeline.as_str())
        .collect();
    let runs: Vec<_> = letters.iter().map(|letter| letter.run).collect();
    let parameters: [Named<'_>; 6] = [
        ("pipelines", Type::TEXT_ARRAY, &pipelines),
        ("runs", Type::INT8_ARRAY, &runs),
        (
            "topics",
            Type::TEXT_ARRAY,
            &id().map(|i| i.topic.as_str()).collect::<Vec<_>>(),
        ),
        (
            "partitions",
            Type::INT4_ARRAY,
            &id().map(|i| i.partition).collect::<Vec<_>>(),
        ),
        (
            "offsets",
            Type::INT8_ARRAY,
            &id().map(|i| i.offset).collect::<Vec<_>>(),
        ),
        (
            "ordinals",
            Type::INT4_ARRAY,
            &id().map(|i| i.ordinal).collect::<Vec<_>>(),
        ),
    ];
    let sql = r#"
        update gristmill.dead_letter d
        set state = 'relayed'
        from unnest(:pipelines, :runs, :topics, :partitions, :offsets, :ordinals)
          as i (pipeline, run, topic, partition, "offset", ordinal)
        where d.pipeline = i.pipeline and d.run = i.run and d.topic = i.topic
          and d.partition = i.partition and d."offset" = i."offset" and d.ordinal = i.ordinal
          and d.state = 'new'"#;
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
        pipeline: row.try_get("pipeline")?,
        run: row.try_get("run")?,
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
