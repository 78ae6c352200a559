//! The commit of a replay: rows and the state of the dead letters they came from, without moving
//! any checkpoint.

use gristmill_core::chain::Computed;
use tokio_postgres::Transaction;
use tokio_postgres::types::ToSql;

use crate::commit::letters::Letters;
use crate::commit::sink::{Digests, Parameters, Sink};
use crate::letters::letter_id::{IdColumns, LetterId, LetterState};
use crate::wire::connect::Connection;
use crate::wire::error::FlushError;

/// What a replay did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Dead letters that are used now.
    pub used: u64,
    /// Dead letters whose record cannot be used by these rules, either.
    pub again: u64,
}

/// Whose dead letters are replayed, and by which rules.
#[derive(Clone, Copy, Debug)]
pub struct Replay<'a> {
    pub pipeline: &'a str,
    pub run: i64,
    pub partition: i32,
    /// The revision whose rules computed the batch.
    pub revision: i32,
    /// The letters, all of this partition.
    pub ids: &'a [LetterId],
}

const AGAIN: &str = "update gristmill.dead_letter d set attempts = d.attempts + 1, stage = \
                     i.stage, code = i.code, message = i.message, revision = $2, digest = \
                     i.digest from unnest($3::int8[], $4::text[], $5::text[], $6::text[], \
                     $7::text[]) as i (o, stage, code, message, digest) where d.pipeline = $1 and \
                     d.run = $8 and d.topic = $9 and d.partition = $10 and d.\"offset\" = i.o and \
                     d.\"offset\" = any ($11::int8[]) and d.state in ('new', 'relayed')";

const USED: &str = "update gristmill.dead_letter d set state = $7, revision = $8 from \
                    unnest($3::text[], $4::int4[], $5::int8[], $6::int4[]) as i (topic, \
                    partition, o, ordinal) where d.pipeline = $1 and d.run = $2 and d.topic = \
                    i.topic and d.partition = i.partition and d.\"offset\" = i.o and d.ordinal = \
                    i.ordinal and d.state in ('new', 'relayed')";

/// Commits `batch`, computed from the records of `replay.ids`: rows under the same guard as ever,
/// so an older event never wins; letters whose record made no dead letter again become `replayed`,
/// the others stay with what is wrong with them now.
pub async fn replay(
    connection: &mut Connection,
    sink: &Sink,
    replay: Replay<'_>,
    batch: &Computed,
    digests: Digests<'_>,
) -> Result<Replayed, FlushError> {
    let letters = Letters::new(batch, digests);
    let rows = sink.rows(&batch.records, &batch.sources, &batch.rows)?;
    let sql = &sink.statements.upsert;
    connection.busy = true;
    let statement = connection.prepared(&sql.text, &sql.types).await?;
    let transaction = connection.transaction().await?;
    let mut parameters: Parameters<'_> = vec![&replay.partition, &replay.revision];
    rows.push(&mut parameters);
    transaction.execute(&statement, &parameters).await?;
    let replayed = settle(&transaction, replay, &letters).await?;
    transaction.commit().await?;
    connection.busy = false;
    Ok(replayed)
}

async fn settle(
    transaction: &Transaction<'_>,
    replay: Replay<'_>,
    letters: &Letters<'_>,
) -> Result<Replayed, tokio_postgres::Error> {
    let (failed, used): (Vec<LetterId>, Vec<LetterId>) = replay
        .ids
        .iter()
        .cloned()
        .partition(|id| letters.offsets.contains(&id.offset));
    let mut replayed = Replayed::default();
    if let Some(first) = failed.first() {
        let offsets: Vec<_> = failed.iter().map(|id| id.offset).collect();
        let parameters: [&(dyn ToSql + Sync); 11] = [
            &replay.pipeline,
            &replay.revision,
            &letters.offsets,
            &letters.stages,
            &letters.codes,
            &letters.messages,
            &letters.digests,
            &replay.run,
            &first.topic,
            &replay.partition,
            &offsets,
        ];
        replayed.again = transaction.execute(AGAIN, &parameters).await?;
    }
    let columns = IdColumns::new(&used);
    let state = LetterState::Replayed.as_str();
    let parameters: [&(dyn ToSql + Sync); 8] = [
        &replay.pipeline,
        &replay.run,
        &columns.topics,
        &columns.partitions,
        &columns.offsets,
        &columns.ordinals,
        &state,
        &replay.revision,
    ];
    replayed.used = transaction.execute(USED, &parameters).await?;
    Ok(replayed)
}
