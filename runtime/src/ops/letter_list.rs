//! Dead letters of a pipeline: which there are, and all about one.

use anyhow::{Context, Result};
use gristmill_postgres::letters::stored_letter::{self, Filter, LetterId, StoredLetter};
use gristmill_postgres::wire::connection::Connection;
use serde::Serialize;

use super::change_progress::as_text;
use super::opened::Opened;

/// The dead letters that a filter lets through.
#[derive(Clone, Debug, Serialize)]
pub struct LetterList {
    pub letters: Vec<LetterSummary>,
    /// How many there are without the limit.
    pub all: i64,
}

/// A dead letter without its bytes.
#[derive(Clone, Debug, Serialize)]
pub struct LetterSummary {
    #[serde(serialize_with = "as_text")]
    pub id: LetterId,
    pub state: &'static str,
    pub stage: String,
    pub code: String,
    pub message: String,
    pub revision: i32,
    /// Of the record's key, headers and value together.
    pub bytes: i64,
}

/// All about one dead letter.
#[derive(Clone, Debug, Serialize)]
pub struct LetterDetail {
    #[serde(flatten)]
    pub summary: LetterSummary,
    /// The digest of the component that refused it.
    pub component: Option<String>,
    pub attempts: i32,
    /// When it was stored, microseconds since the Unix epoch.
    pub at_us: i64,
    /// Kafka's time of the record, milliseconds since the Unix epoch.
    pub record_at_ms: Option<i64>,
    pub headers: Vec<(String, Option<RecordBytes>)>,
    pub key: Option<RecordBytes>,
    pub value: Option<RecordBytes>,
}

/// Bytes of a record, as far as they are text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordBytes {
    Text(String),
    /// What is not UTF-8: how many bytes, and each as Rust escapes it.
    Binary {
        length: usize,
        escaped: String,
    },
}

/// The dead letters that `filter` lets through.
pub async fn list(opened: &Opened, filter: &Filter) -> Result<LetterList> {
    let connection = opened.database.connect().await?;
    let (run, _) = opened.active(&connection).await?;
    let letters = stored_letter::list(&connection, opened.name(), run, filter).await?;
    let all = stored_letter::count(&connection, opened.name(), run, filter).await?;
    let letters = letters.into_iter().map(LetterSummary::from).collect();
    Ok(LetterList { letters, all })
}

/// One dead letter.
pub async fn show(opened: &Opened, id: &LetterId) -> Result<LetterDetail> {
    let connection = opened.database.connect().await?;
    let letter = stored(opened, &connection, id).await?;
    Ok(LetterDetail::from(letter))
}

/// The bytes of a dead letter's value; none where the record has no value.
pub async fn value(opened: &Opened, id: &LetterId) -> Result<Vec<u8>> {
    let connection = opened.database.connect().await?;
    let letter = stored(opened, &connection, id).await?;
    Ok(letter.value.unwrap_or_default())
}

/// One dead letter as it is stored. The error says where ids are shown.
pub(super) async fn stored(
    opened: &Opened,
    connection: &Connection,
    id: &LetterId,
) -> Result<StoredLetter> {
    let (run, _) = opened.active(connection).await?;
    let letter = stored_letter::show(connection, opened.name(), run, id).await?;
    letter.with_context(|| {
        format!(
            "there is no dead letter {id}: `gristmill dead-letters list {}` shows the ids",
            opened.path.display()
        )
    })
}

impl From<StoredLetter> for LetterSummary {
    fn from(letter: StoredLetter) -> Self {
        Self {
            id: letter.id,
            state: letter.state.as_str(),
            stage: letter.stage,
            code: letter.code,
            message: letter.message,
            revision: letter.revision,
            bytes: letter.bytes,
        }
    }
}

impl From<StoredLetter> for LetterDetail {
    fn from(mut letter: StoredLetter) -> Self {
        let headers = std::mem::take(&mut letter.headers).into_iter();
        let bytes = |bytes: Option<Vec<u8>>| bytes.map(RecordBytes::from);
        Self {
            component: letter.digest.take(),
            attempts: letter.attempts,
            at_us: letter.at_us,
            record_at_ms: letter.record_at_ms,
            headers: headers.map(|(name, value)| (name, bytes(value))).collect(),
            key: bytes(letter.key.take()),
            value: bytes(letter.value.take()),
            summary: LetterSummary::from(letter),
        }
    }
}

impl From<Vec<u8>> for RecordBytes {
    fn from(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => Self::Text(text),
            Err(error) => Self::Binary {
                length: error.as_bytes().len(),
                escaped: error.as_bytes().escape_ascii().to_string(),
            },
        }
    }
}
