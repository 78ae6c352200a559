//! `gristmill dead-letters`: records that could not be used.

mod replay;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use jiff::Timestamp;

use crate::authoring;
use crate::definition::bundle::Parts;
use crate::definition::file::Config;
use gristmill_postgres::fleet::definition_store::active;
use gristmill_postgres::letters::stored_letter::{
    self, Filter, LetterId, LetterState, StoredLetter,
};
use gristmill_postgres::wire::connection::{Connection, Database};

#[derive(Subcommand)]
pub(super) enum Command {
    /// A line for each dead letter
    List {
        /// The pipeline's TOML file
        pipeline: PathBuf,
        #[command(flatten)]
        select: Select,
        /// At most so many, oldest offsets first
        #[arg(long, default_value_t = 50)]
        limit: i64,
    },
    /// All about one dead letter, its bytes included
    Show {
        /// The pipeline's TOML file
        pipeline: PathBuf,
        /// topic/partition/offset/ordinal, as `list` prints it
        id: LetterId,
    },
    /// Print a dead letter as a golden case of the transform that refused it, with the config that
    /// it had then
    #[command(
        after_help = "Example: gristmill dead-letters capture pipelines/users.toml \
                      users_cdc/0/17/1 > enrich-age/cases/letter.json"
    )]
    Capture {
        /// The pipeline's TOML file
        pipeline: PathBuf,
        /// topic/partition/offset/ordinal, as `list` prints it
        id: LetterId,
    },
    /// Run the rules of the active revision again on dead letters; an older event never overwrites
    /// a newer row
    #[command(
        after_help = "Example: gristmill dead-letters replay pipelines/users.toml --code \
                      unknown-op"
    )]
    Replay {
        /// The pipeline's TOML file
        pipeline: PathBuf,
        /// Which ones, by id; without any, those that the filters select
        ids: Vec<LetterId>,
        #[command(flatten)]
        select: Select,
        /// At most so many, oldest offsets first
        #[arg(long)]
        limit: Option<i64>,
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
}

fn state(text: &str) -> Result<LetterState, String> {
    use LetterState::{Discarded, New, Relayed, Replayed};
    let found = [New, Relayed, Replayed, Discarded]
        .into_iter()
        .find(|s| s.as_str() == text);
    found.ok_or_else(|| "the states are new, relayed, replayed and discarded".to_owned())
}

impl Select {
    fn filter(self, limit: Option<i64>) -> Filter {
        Filter {
            states: self.state.into_iter().collect(),
            code: self.code,
            topic: None,
            partition: self.partition,
            limit,
        }
    }
}

pub(super) async fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::List {
            pipeline,
            select,
            limit,
        } => {
            let (config, database) = super::open(&pipeline)?;
            let name = &config.pipeline.name;
            let connection = database.connect().await?;
            let run = active_run(&connection, name).await?;
            let filter = select.filter(Some(limit));
            let letters = stored_letter::list(&connection, name, run, &filter).await?;
            let all = stored_letter::count(&connection, name, run, &filter).await?;
            list(&letters, all);
        }
        Command::Show { pipeline, id } => {
            let (config, database) = super::open(&pipeline)?;
            show(&stored(&config, &database, &id).await?);
        }
        Command::Capture { pipeline, id } => {
            let (config, database) = super::open(&pipeline)?;
            let letter = stored(&config, &database, &id).await?;
            let connection = database.connect().await?;
            let parts = Parts::stored(&connection, &config, letter.revision).await?;
            let sandbox = crate::cli::sandbox()?;
            print!("{}", authoring::capture(parts, &letter, &sandbox).await?);
        }
        Command::Replay {
            pipeline,
            ids,
            select,
            limit,
        } => {
            let (config, database) = super::open(&pipeline)?;
            let replayed = replay::all(config, &database, ids, select.filter(limit)).await?;
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
    let letter = stored_letter::show(&connection, name, run, id).await?;
    letter.with_context(|| {
        format!("there is no dead letter {id}: `gristmill dead-letters list` shows the ids")
    })
}

/// `all`: how many there are without the limit.
fn list(letters: &[StoredLetter], all: i64) {
    if all == 0 {
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
    let more = all - letters.len() as i64;
    if more > 0 {
        println!("{more} more: --limit {all} shows all, --code and --partition show fewer");
    }
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
