//! `gristmill dead-letters`: records that could not be used.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use jiff::Timestamp;

use crate::authoring;
use crate::config::Config;
use crate::pipeline::Pipeline;
use crate::postgres::blame::blame;
use crate::postgres::connect::{Connection, Database};
use crate::postgres::dead_letter::{self, Filter, LetterId, LetterState, StoredLetter};
use crate::postgres::error::FlushError;
use crate::postgres::pipeline::active;
use crate::postgres::replay::{Replay, Replayed, replay};
use crate::postgres::sink::Sink;
use crate::postgres::target::Target;
use crate::sandbox::Sandbox;

/// Dead letters that a replay reads and commits at a time, a partition.
const REPLAY_BATCH: usize = 1_000;

#[derive(Subcommand)]
pub(super) enum Command {
    /// A line for each dead letter
    List {
        /// The pipeline's TOML file
        pipeline: PathBuf,
        #[command(flatten)]
        select: Select,
    },
    /// All about one dead letter, its bytes included
    Show {
        /// The pipeline's TOML file
        pipeline: PathBuf,
        /// topic/partition/offset/ordinal, as `list` prints it
        id: LetterId,
    },
    /// Print a dead letter as a golden case of the transform that refused it
    #[command(
        after_help = "Example: gristmill dead-letters capture pipelines/users.toml users_cdc/0/17/0 > enrich-age/cases/letter.json"
    )]
    Capture {
        /// The pipeline's TOML file
        pipeline: PathBuf,
        /// topic/partition/offset/ordinal, as `list` prints it
        id: LetterId,
    },
    /// Run the current rules again on dead letters; an older event never overwrites a newer row
    #[command(
        after_help = "Example: gristmill dead-letters replay pipelines/users.toml --code unknown-op"
    )]
    Replay {
        /// The pipeline's TOML file
        pipeline: PathBuf,
        /// Which ones, by id; without any, those that the filters select
        ids: Vec<LetterId>,
        #[command(flatten)]
        select: Select,
    },
}

#[derive(Args)]
pub(super) struct Select {
    /// Only this code, for example unknown-op
    #[arg(long)]
    code: Option<String>,
    /// Only this state: new, relayed, replayed or discarded
    #[arg(long, value_parser = state)]
    state: Option<LetterState>,
    /// Only this partition
    #[arg(long)]
    partition: Option<i32>,
    /// At most so many
    #[arg(long)]
    limit: Option<i64>,
}

fn state(text: &str) -> Result<LetterState, String> {
    use LetterState::{Discarded, New, Relayed, Replayed};
    let found = [New, Relayed, Replayed, Discarded]
        .into_iter()
        .find(|s| s.as_str() == text);
    found.ok_or_else(|| "the states are new, relayed, replayed and discarded".to_owned())
}

impl Select {
    fn filter(self) -> Filter {
        Filter {
            state: self.state,
            code: self.code,
            topic: None,
            partition: self.partition,
            limit: self.limit,
        }
    }
}

pub(super) async fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::List { pipeline, select } => {
            let (config, database) = super::open(&pipeline)?;
            let name = &config.pipeline.name;
            let connection = database.connect().await?;
            let run = active_run(&connection, name).await?;
            list(&dead_letter::list(&connection, name, run, &select.filter()).await?);
        }
        Command::Show { pipeline, id } => {
            let (config, database) = super::open(&pipeline)?;
            show(&stored(&config, &database, &id).await?);
        }
        Command::Capture { pipeline, id } => {
            let (config, database) = super::open(&pipeline)?;
            let letter = stored(&config, &database, &id).await?;
            let sandbox = Sandbox::new(crate::cache_folder().as_deref())?;
            print!("{}", authoring::capture(config, &letter, &sandbox).await?);
        }
        Command::Replay {
            pipeline,
            ids,
            select,
        } => {
            let (pipeline, database) = super::open_pipeline(&pipeline).await?;
            let replayed = replay_all(&pipeline, &database, ids, select.filter()).await?;
            println!(
                "{} replayed, {} still cannot be used",
                replayed.used, replayed.again
            );
            if replayed.again > 0 {
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn active_run(connection: &Connection, pipeline: &str) -> Result<i64> {
    let active = active(connection, pipeline).await?;
    let (run, _) = active
        .with_context(|| format!("the pipeline `{pipeline}` has never run on this database"))?;
    Ok(run)
}

async fn stored(config: &Config, database: &Database, id: &LetterId) -> Result<StoredLetter> {
    let name = &config.pipeline.name;
    let connection = database.connect().await?;
    let run = active_run(&connection, name).await?;
    let letter = dead_letter::show(&connection, name, run, id).await?;
    letter.with_context(|| {
        format!("there is no dead letter {id}: `gristmill dead-letters list` shows the ids")
    })
}

fn list(letters: &[StoredLetter]) {
    if letters.is_empty() {
        println!("no dead letters");
        return;
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["id", "state", "stage", "code", "message", "revision"]);
    for letter in letters {
        let StoredLetter {
            id,
            state,
            stage,
            code,
            message,
            revision,
            ..
        } = letter;
        table.add_row([
            &id.to_string(),
            state.as_str(),
            stage,
            code,
            message,
            &revision.to_string(),
        ]);
    }
    println!("{table}");
}

fn show(letter: &StoredLetter) {
    let text = |bytes: &Option<Vec<u8>>| match bytes {
        None => "(none)".to_owned(),
        Some(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => format!(
                "{} bytes that are not UTF-8: {}",
                bytes.len(),
                bytes.escape_ascii()
            ),
        },
    };
    let time = |us: Option<i64>| {
        us.and_then(|us| Timestamp::from_microsecond(us).ok())
            .map_or("(none)".to_owned(), |t| t.to_string())
    };
    println!("id         {}", letter.id);
    println!("state      {}", letter.state.as_str());
    println!("stage      {}", letter.stage);
    println!("code       {}", letter.code);
    println!("message    {}", letter.message);
    println!("revision   {}", letter.revision);
    println!(
        "component  {}",
        letter.digest.as_deref().unwrap_or("(none)")
    );
    println!("attempts   {}", letter.attempts);
    println!("at         {}", time(Some(letter.at_us)));
    println!(
        "record at  {}",
        time(letter.record_at_ms.map(|ms| ms.saturating_mul(1_000)))
    );
    for (name, value) in &letter.headers {
        println!("header     {name}: {}", text(value));
    }
    println!("key        {}", text(&letter.key));
    println!("value      {}", text(&letter.value));
}

/// Computes the letters' records again, a partition at a time, and commits rows and letters together.
async fn replay_all(
    pipeline: &Pipeline,
    database: &Database,
    ids: Vec<LetterId>,
    filter: Filter,
) -> Result<Replayed> {
    let name = &pipeline.config.pipeline.name;
    let mut connection = database.connect().await?;
    let active = active(&connection, name).await?;
    let (run, revision) =
        active.with_context(|| format!("the pipeline `{name}` has never run on this database"))?;
    let letters = match ids.is_empty() {
        true => {
            let letters = dead_letter::list(&connection, name, run, &filter).await?;
            letters
                .into_iter()
                .filter(|l| matches!(l.state, LetterState::New | LetterState::Relayed))
                .collect()
        }
        false => by_id(&connection, name, run, ids).await?,
    };
    let target = Target::load(&connection, &pipeline.config.target.table).await?;
    let target =
        target.with_context(|| format!("there is no table {}", pipeline.config.target.table))?;
    let sink = Sink::new(&target, pipeline.fields(), pipeline.roles())?;
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
            .compute(dead_letter::records(letters), now_us)
            .map_err(|batch| batch.fault)?;
        let ids: Vec<_> = letters.iter().map(|l| l.id.clone()).collect();
        let which = Replay {
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
                        .exclude(computed, refused, now_us)
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

async fn by_id(
    connection: &Connection,
    pipeline: &str,
    run: i64,
    ids: Vec<LetterId>,
) -> Result<Vec<StoredLetter>> {
    let mut letters = Vec::new();
    for id in ids {
        let letter = dead_letter::show(connection, pipeline, run, &id).await?;
        let letter = letter.with_context(|| format!("there is no dead letter {id}"))?;
        if !matches!(letter.state, LetterState::New | LetterState::Relayed) {
            bail!(
                "{id} is {} already: nothing was replayed",
                letter.state.as_str()
            );
        }
        letters.push(letter);
    }
    letters.sort_by(|a, b| {
        (a.id.partition, a.id.offset, a.id.ordinal).cmp(&(
            b.id.partition,
            b.id.offset,
            b.id.ordinal,
        ))
    });
    Ok(letters)
}
