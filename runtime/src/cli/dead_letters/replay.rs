//! `gristmill dead-letters replay`: the active rules on records that older ones could not use.

use anyhow::{Context, Result, bail};
use jiff::Timestamp;

use crate::definition::bundle::Parts;
use crate::definition::file::Config;
use crate::definition::pipeline::Pipeline;
use gristmill_postgres::commit::flush_error::FlushError;
use gristmill_postgres::commit::refusal::blame;
use gristmill_postgres::fleet::definition_store::active;
use gristmill_postgres::letters::replay_commit::{LetterReplay, Replayed, replay};
use gristmill_postgres::letters::stored_letter::{
    self, Filter, LetterId, LetterState, StoredLetter,
};
use gristmill_postgres::wire::connection::{Connection, Database};

/// Dead letters that are read and committed at a time, a partition.
const REPLAY_BATCH: usize = 1_000;
/// What a replay may change; the other states are settled.
const OPEN: [LetterState; 2] = [LetterState::New, LetterState::Relayed];

/// Computes the letters' records again, a partition at a time, by the revision that Postgres says
/// is active, whatever the file says, and commits rows and letters together. Without `ids` the
/// letters are those that `filter` lets through.
pub(super) async fn all(
    config: Config,
    database: &Database,
    ids: Vec<LetterId>,
    filter: Filter,
) -> Result<Replayed> {
    let mut connection = database.connect().await?;
    let name = &config.pipeline.name;
    let active = active(&connection, name).await?;
    let (run, revision) =
        active.with_context(|| format!("the pipeline `{name}` has never run on this database"))?;
    let letters = match ids.is_empty() {
        true => selected(&connection, name, run, filter).await?,
        false => by_id(&connection, name, run, ids).await?,
    };
    let parts = Parts::stored(&connection, &config, revision).await?;
    let sandbox = crate::cli::sandbox()?;
    let pipeline = Pipeline::assemble(parts, &sandbox, database).await?;
    let sink = pipeline.sink(&connection).await?;
    let mut total = Replayed::default();
    for letters in letters
        .chunk_by(|a, b| a.id.partition == b.id.partition)
        .flat_map(|l| l.chunks(REPLAY_BATCH))
    {
        let partition = letters[0].id.partition;
        // A state of its own, empty: the guard in Postgres decides what is newer.
        let mut chain = pipeline.chain(partition, None)?;
        let now_us = Timestamp::now().as_microsecond();
        let mut computed = chain
            .compute(stored_letter::records(letters), now_us)
            .map_err(|batch| batch.fault)?;
        let ids: Vec<_> = letters.iter().map(|l| l.id.clone()).collect();
        let which = LetterReplay {
            pipeline: name,
            run,
            partition,
            revision,
            ids: &ids,
        };
        let replayed = loop {
            let digests = |stage: &_| pipeline.digest(stage);
            match replay(&mut connection, &sink, which, &computed, &digests).await {
                Ok(replayed) => break replayed,
                Err(FlushError::Refused { .. }) => {
                    let rows =
                        blame(&mut connection, &sink, partition, &computed, revision).await?;
                    let refused = rows.iter().map(|row| row.dead_letter(&computed)).collect();
                    computed = chain
                        .exclude(computed, refused)
                        .map_err(|batch| batch.fault)?;
                }
                Err(error) => return Err(error.into()),
            }
        };
        total.used += replayed.used;
        total.again += replayed.again;
    }
    Ok(total)
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
        let letter = letter.with_context(|| format!("there is no dead letter {id}"))?;
        if !OPEN.contains(&letter.state) {
            bail!(
                "{id} is {} already: nothing was replayed",
                letter.state.as_str()
            );
        }
        letters.push(letter);
    }
    letters.sort_by_key(|letter| (letter.id.partition, letter.id.offset, letter.id.ordinal));
    Ok(letters)
}
