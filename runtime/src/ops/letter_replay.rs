//! The active rules on dead letters: records that older rules could not use.

use anyhow::{Context, Result, bail};
use gristmill_core::chain::{Chain, Computed, KeysRead};
use gristmill_core::record::Records;
use gristmill_postgres::commit::row_origin::RowOrigin;
use gristmill_postgres::commit::sink::Sink;
use gristmill_postgres::letters::replay_commit::{
    LetterReplay, ReplayEnd, Replayed, failed_letters, replay,
};
use gristmill_postgres::letters::stored_letter::{
    self, Filter, LetterId, LetterState, StoredLetter,
};
use gristmill_postgres::wire::connection::Connection;
use gristmill_sandbox::Sandbox;
use jiff::Timestamp;
use serde::Serialize;

use crate::definition::bundle::Bundle;
use crate::definition::pipeline::Pipeline;

use super::later_events::{TOO_LARGE, records_of, with_later};
use super::opened::Opened;

/// Dead letters that are read and committed at a time, a partition.
const REPLAY_BATCH: usize = 1_000;
/// Bytes of them, give or take a letter: as much as a flush has.
const REPLAY_BYTES: i64 = 16 << 20;
/// How often what came later is read: it may be overtaken in turn.
const READS_MAX: u32 = 3;
/// What a replay may change; the other states are settled.
const OPEN: [LetterState; 2] = [LetterState::New, LetterState::Relayed];

/// Which dead letters are replayed.
#[derive(Clone, Debug)]
pub enum Which {
    /// Each by its id; all must be new or relayed.
    Ids(Vec<LetterId>),
    /// Those that a filter lets through, as far as they are new or relayed.
    Filter(Filter),
}

/// What a replay of dead letters did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LettersReplayed {
    /// Dead letters that are used now.
    pub used: u64,
    /// Dead letters whose record cannot be used by the active rules, either.
    pub again: u64,
}

/// Computes the letters' records again, a partition at a time, by the revision that Postgres says
/// is active, whatever the file says, and commits rows and letters together.
pub async fn replay_letters(
    opened: &Opened,
    sandbox: &Sandbox,
    which: Which,
) -> Result<LettersReplayed> {
    let mut connection = opened.database.connect().await?;
    let (run, revision) = opened.active(&connection).await?;
    let name = opened.name();
    let letters = match which {
        Which::Ids(ids) => by_id(&connection, name, run, ids).await?,
        Which::Filter(filter) => selected(&connection, name, run, filter).await?,
    };
    let bundle = Bundle::stored(&connection, &opened.config, revision).await?;
    let pipeline = Pipeline::assemble(bundle, sandbox, &opened.database).await?;
    let sink = pipeline.sink(&connection, Some(revision)).await?;
    let by_active = ByActive {
        pipeline,
        sink,
        run,
        revision,
    };
    let mut total = LettersReplayed::default();
    for ids in batches(&letters) {
        let letters = stored_letter::read(&connection, name, run, &ids).await?;
        for letters in letters.chunk_by(|a, b| a.id.log == b.id.log) {
            let replayed = by_active.replay(&mut connection, letters).await?;
            total.used += replayed.used;
            total.again += replayed.again;
        }
    }
    Ok(total)
}

/// The active revision, ready to compute dead letters.
struct ByActive {
    pipeline: Pipeline,
    sink: Sink,
    run: i64,
    revision: i32,
}

impl ByActive {
    /// Computes and commits letters of one partition and log. What Postgres refuses is taken out,
    /// and the rest is sent again.
    async fn replay(
        &self,
        connection: &mut Connection,
        letters: &[StoredLetter],
    ) -> Result<Replayed> {
        let (log, partition) = (letters[0].id.log, letters[0].id.partition);
        let records = records_of(connection, &self.pipeline, self.run, letters).await;
        let (mut chain, mut computed) = self.compute(partition, records, None)?;
        let mut reads = READS_MAX;
        let ids: Vec<_> = letters.iter().map(|l| l.id.clone()).collect();
        // Of a record that nobody could read the table may know nothing at all.
        let has_unread = ids.iter().any(|id| id.ordinal == 0);
        loop {
            let which = LetterReplay {
                pipeline: &self.pipeline.config.pipeline.name,
                run: self.run,
                origin: RowOrigin { log, partition },
                revision: self.revision,
                ids: &ids,
                may_fold: has_unread && reads > 0,
            };
            if let Some(wanted) = &computed.wanted {
                let (origin, records) = (RowOrigin { log, partition }, &computed.records);
                let stored = self
                    .sink
                    .stored(connection, origin, records, wanted)
                    .await?;
                let read = KeysRead::joined(computed.read.take(), stored.read);
                let whole = chain.with_stored(computed, &stored.cells, &stored.older);
                computed = whole.map_err(|batch| batch.fault)?;
                computed.read = read;
                continue;
            }
            let digests = |stage: &_| self.pipeline.digest(stage);
            let end = replay(connection, &self.sink, which, &computed, &digests).await;
            if let (Ok(ReplayEnd::Overtaken(_)), 1..) = (&end, reads) {
                reads -= 1;
                match with_later(connection, &self.pipeline, self.run, letters).await {
                    Ok(records) => {
                        (chain, computed) = self.compute(partition, records, Some(&ids))?;
                    }
                    Err(error) => {
                        tracing::debug!("what came later is not known: {error:#}");
                        reads = 0;
                    }
                }
                continue;
            }
            let refused = match end {
                Ok(ReplayEnd::Committed(replayed)) => return Ok(replayed),
                Ok(ReplayEnd::Refused(rows) | ReplayEnd::Overtaken(rows)) => {
                    failed_letters(&rows, &computed, &ids)
                }
                Err(error) if error.is_outdated() => Vec::new(),
                Err(error) => return Err(error.into()),
            };
            let again = chain.exclude(computed, refused);
            computed = again.map_err(|batch| batch.fault)?;
        }
    }
}

impl ByActive {
    /// A state of its own, empty: the guard in Postgres decides what is newer. `letters`: where the
    /// table may have the newest of `records`, those that it does not have.
    fn compute(
        &self,
        partition: i32,
        records: Records,
        letters: Option<&[LetterId]>,
    ) -> Result<(Chain, Computed)> {
        let chain = self.pipeline.chain(partition, None)?.of_letters();
        let mut chain = match letters {
            None => chain,
            Some(letters) => chain.folding(letters.iter().map(|letter| letter.offset)),
        };
        self.pipeline.schemas().teach(&mut chain, &records)?;
        let now_us = Timestamp::now().as_microsecond();
        let computed = chain.compute(records, now_us);
        let computed = computed.map_err(|batch| batch.fault)?;
        Ok((chain, computed))
    }
}

/// Letters that are replayed together: of one partition, and bounded by number and bytes.
fn batches(letters: &[StoredLetter]) -> Vec<Vec<LetterId>> {
    let mut batches: Vec<Vec<LetterId>> = Vec::new();
    let mut bytes = 0;
    for letter in letters {
        // Nobody knows how large a record is that was too large to be kept.
        let size = match letter.code.as_str() {
            TOO_LARGE => REPLAY_BYTES,
            _ => letter.bytes,
        };
        let fits = |batch: &&mut Vec<LetterId>| {
            let is_same = batch
                .last()
                .is_some_and(|l| l.partition == letter.id.partition);
            is_same && batch.len() < REPLAY_BATCH && bytes + size <= REPLAY_BYTES
        };
        match batches.last_mut().filter(fits) {
            Some(batch) => batch.push(letter.id.clone()),
            None => {
                bytes = 0;
                batches.push(vec![letter.id.clone()]);
            }
        }
        bytes += size;
    }
    batches
}

async fn selected(
    connection: &Connection,
    pipeline: &str,
    run: i64,
    mut filter: Filter,
) -> Result<Vec<StoredLetter>> {
    match filter.states.is_empty() {
        true => filter.states = OPEN.to_vec(),
        false => filter.states.retain(|state| OPEN.contains(state)),
    }
    if filter.states.is_empty() {
        bail!("only new and relayed dead letters can be replayed: the others are settled");
    }
    Ok(stored_letter::list(connection, pipeline, run, &filter).await?)
}

async fn by_id(
    connection: &Connection,
    pipeline: &str,
    run: i64,
    ids: Vec<LetterId>,
) -> Result<Vec<StoredLetter>> {
    let mut letters = Vec::new();
    for id in ids {
        let letter = stored_letter::show(connection, pipeline, run, &id).await?;
        let mut letter = letter.with_context(|| format!("there is no dead letter {id}"))?;
        letter.value = None;
        if !OPEN.contains(&letter.state) {
            bail!(
                "{id} is {} already: nothing was replayed",
                letter.state.as_str()
            );
        }
        letters.push(letter);
    }
    letters.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(letters)
}
