//! The commit of a replay: rows and the state of the dead letters they came from, without moving
//! any checkpoint.

use gristmill_core::chain::Computed;
use gristmill_core::dead_letter::DeadLetter;
use tokio_postgres::Transaction;
use tokio_postgres::types::Type;

use crate::commit::flush_error::FlushError;
use crate::commit::letter_arrays::{Digests, LetterArrays};
use crate::commit::refusal::RefusedRow;
use crate::commit::row_origin::RowOrigin;
use crate::commit::row_writer::{RowWriter, WriterStatements};
use crate::commit::sink::Sink;
use crate::commit::time_limit::in_time;
use crate::letters::letter_id::{IdArrays, LetterId};
use crate::wire::connection::Connection;
use crate::wire::placeholder::{self, Named};

/// What a replay did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Dead letters that are used now.
    pub used: u64,
    /// Dead letters whose record cannot be used by these rules, either.
    pub again: u64,
}

/// How a replay ended.
#[derive(Debug)]
pub enum ReplayEnd {
    Committed(Replayed),
    /// Nothing was written: Postgres refuses these rows, and perhaps others.
    Refused(Vec<RefusedRow>),
    /// Nothing was written: the table has newer rows of these keys, and does not know what these
    /// say, or there are none of them and it has newer rows. With what came between they can be
    /// written.
    Overtaken(Vec<RefusedRow>),
}

/// The dead letters that `rows` of `batch` make of the letters `ids` again. A row of another record
/// was written before, without what they say: those of its key are at fault, as long as there are
/// any, and not that record.
pub fn failed_letters(rows: &[RefusedRow], batch: &Computed, ids: &[LetterId]) -> Vec<DeadLetter> {
    let ordinal = |offset: i64| {
        let found = ids.iter().find(|id| id.offset == offset)?;
        // Of a record that could not be read nobody knew the rows.
        Some(found.ordinal.max(1).unsigned_abs())
    };
    let has_failed = |record: u32| batch.dead_letters.iter().any(|l| l.record == record);
    let mut failed = Vec::new();
    for row in rows {
        let refused = row.dead_letter(batch);
        let of = batch.records.get(refused.record as usize);
        let before = failed.len();
        if ordinal(of.offset).is_none() {
            let of_key = batch
                .records
                .iter()
                .zip(0..)
                .filter(|(r, _)| r.key == of.key);
            let open = of_key.filter(|(_, record)| !has_failed(*record));
            failed.extend(open.filter_map(|(letter, record)| {
                Some(DeadLetter {
                    record,
                    ordinal: ordinal(letter.offset)?,
                    ..refused.clone()
                })
            }));
        }
        if failed.len() == before {
            failed.push(refused);
        }
    }
    failed
}

/// Whose dead letters are replayed, and by which rules.
#[derive(Clone, Copy, Debug)]
pub struct LetterReplay<'a> {
    pub pipeline: &'a str,
    pub run: i64,
    pub origin: RowOrigin,
    /// The revision whose rules computed the batch.
    pub revision: i32,
    /// The letters, all of this origin.
    pub ids: &'a [LetterId],
    /// Whether a newer row of the letters' own log ends it, also where the table knows all of that
    /// row: it may not be known that these say something of it.
    pub may_fold: bool,
}

const FAILED_AGAIN: &str = r#"
    update gristmill.dead_letter d
    set
      attempts = d.attempts + 1,
      stage = i.stage,
      code = i.code,
      message = i.message,
      revision = :revision,
      digest = i.digest
    from unnest(:offsets, :stages, :codes, :messages, :digests)
      as i (o, stage, code, message, digest)
    where d.pipeline = :pipeline and d.run = :run and d.topic = :topic
      and d.partition = :partition and d.log = :log and d."offset" = i.o
      and d."offset" = any (:replayed_offsets) and d.state in ('new', 'relayed')"#;

const USED: &str = r#"
    update gristmill.dead_letter d
    set state = 'replayed', revision = :revision
    from unnest(:topics, :partitions, :logs, :offsets, :ordinals)
      as i (topic, partition, log, o, ordinal)
    where d.pipeline = :pipeline and d.run = :run and d.topic = i.topic
      and d.partition = i.partition and d.log = i.log and d."offset" = i.o
      and d.ordinal = i.ordinal and d.state in ('new', 'relayed')"#;

/// Commits `batch`, computed from the records of `replay.ids`: rows under the same guard as ever,
/// so an older event never wins; letters whose record made no dead letter again become `replayed`,
/// the others stay with what is wrong with them now.
pub async fn replay(
    connection: &mut Connection,
    sink: &Sink,
    replay: LetterReplay<'_>,
    batch: &Computed,
    digests: Digests<'_>,
) -> Result<ReplayEnd, FlushError> {
    let letters = LetterArrays::new(batch, digests);
    let (origin, revision) = (replay.origin, replay.revision);
    connection.busy = true;
    let is_forgotten = in_time(sink.prepare_forgotten(connection)).await??;
    let is_overtaken = match &sink.statements.overtaken {
        Some(sql) => Some(in_time(connection.prepared(&sql.text, &sql.types)).await??),
        None => None,
    };
    let statements = WriterStatements::prepare(connection, sink, batch).await?;
    let transaction = in_time(connection.transaction()).await??;
    let forgotten = sink.forgotten(&transaction, is_forgotten.as_ref(), origin, batch);
    let mut refused = forgotten.await?;
    let overtaken = sink.overtaken(&transaction, is_overtaken.as_ref(), origin, batch);
    let overtaken = overtaken.await?;
    let must_fold = replay.may_fold && overtaken.is_by_own_log;
    if refused.is_empty() && (must_fold || !overtaken.unknown.is_empty()) {
        in_time(transaction.rollback()).await??;
        connection.busy = false;
        return Ok(ReplayEnd::Overtaken(overtaken.unknown));
    }
    if refused.is_empty() {
        let writer = RowWriter::new(&transaction, &statements, sink, origin, revision, batch);
        refused = writer.write().await?.refused;
    }
    if !refused.is_empty() {
        in_time(transaction.rollback()).await??;
        connection.busy = false;
        return Ok(ReplayEnd::Refused(refused));
    }
    let replayed = in_time(settle(&transaction, replay, &letters)).await??;
    in_time(transaction.commit()).await??;
    connection.busy = false;
    Ok(ReplayEnd::Committed(replayed))
}

/// Writes what became of the letters.
async fn settle(
    transaction: &Transaction<'_>,
    replay: LetterReplay<'_>,
    letters: &LetterArrays<'_>,
) -> Result<Replayed, tokio_postgres::Error> {
    let has_failed = |id: &LetterId| letters.offsets.contains(&id.offset);
    let (failed, used): (Vec<LetterId>, Vec<LetterId>) =
        replay.ids.iter().cloned().partition(has_failed);
    Ok(Replayed {
        again: failed_again(transaction, replay, letters, &failed).await?,
        used: used_now(transaction, replay, &used).await?,
    })
}

async fn failed_again(
    transaction: &Transaction<'_>,
    replay: LetterReplay<'_>,
    letters: &LetterArrays<'_>,
    failed: &[LetterId],
) -> Result<u64, tokio_postgres::Error> {
    let Some(first) = failed.first() else {
        return Ok(0);
    };
    let replayed_offsets: Vec<i64> = failed.iter().map(|id| id.offset).collect();
    let parameters: [Named<'_>; 12] = [
        ("pipeline", Type::TEXT, &replay.pipeline),
        ("run", Type::INT8, &replay.run),
        ("topic", Type::TEXT, &first.topic),
        ("partition", Type::INT4, &replay.origin.partition),
        ("log", Type::INT4, &replay.origin.log),
        ("revision", Type::INT4, &replay.revision),
        ("offsets", Type::INT8_ARRAY, &letters.offsets),
        ("stages", Type::TEXT_ARRAY, &letters.stages),
        ("codes", Type::TEXT_ARRAY, &letters.codes),
        ("messages", Type::TEXT_ARRAY, &letters.messages),
        ("digests", Type::TEXT_ARRAY, &letters.digests),
        ("replayed_offsets", Type::INT8_ARRAY, &replayed_offsets),
    ];
    placeholder::execute(transaction.client(), FAILED_AGAIN, &parameters).await
}

async fn used_now(
    transaction: &Transaction<'_>,
    replay: LetterReplay<'_>,
    used: &[LetterId],
) -> Result<u64, tokio_postgres::Error> {
    let ids = IdArrays::new(used);
    let mut parameters: Vec<Named<'_>> = vec![
        ("pipeline", Type::TEXT, &replay.pipeline),
        ("run", Type::INT8, &replay.run),
        ("revision", Type::INT4, &replay.revision),
    ];
    parameters.extend(ids.parameters());
    placeholder::execute(transaction.client(), USED, &parameters).await
}
