//! `gristmill dead-letters`: records that could not be used.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};
use gristmill_core::visible::visible;
use gristmill_postgres::letters::stored_letter::{Filter, LetterId, LetterState};
use jiff::Timestamp;

use super::each::each;
use super::out::Out;
use super::pipeline_argument::PipelineArgument;
use super::table;
use crate::authoring::Subject;
use crate::definition::host_sandbox;
use crate::ops::capture::capture;
use crate::ops::letter_list::{self, LetterDetail, LetterList, RecordBytes};
use crate::ops::letter_replay::{Which, replay_letters};
use crate::ops::opened::Opened;

#[derive(Subcommand)]
pub(super) enum Command {
    /// A line for each dead letter
    List {
        #[command(flatten)]
        pipeline: PipelineArgument,
        #[command(flatten)]
        select: Select,
        /// At most so many, oldest offsets first
        #[arg(long, default_value_t = 50)]
        limit: i64,
    },
    /// All about one dead letter, its bytes included
    Show {
        #[command(flatten)]
        pipeline: PipelineArgument,
        /// topic/partition/offset/ordinal, as `list` prints it
        id: LetterId,
        /// Print the bytes of the value as they are, and nothing else: for a file or a pipe
        #[arg(long)]
        raw: bool,
    },
    /// Print a dead letter as a golden case of the transform that refused it, with the config that
    /// it had then
    #[command(
        after_help = "Example: gristmill dead-letters capture pipelines/users.toml \
                      users_cdc/0/17/1 > enrich-age/cases/letter.json"
    )]
    Capture {
        #[command(flatten)]
        pipeline: PipelineArgument,
        /// topic/partition/offset/ordinal, as `list` prints it
        id: LetterId,
        /// Write it into the cases of the rule in this folder instead, without a config where its
        /// rule.toml has one
        #[arg(long, value_name = "DIR")]
        into: Option<PathBuf>,
    },
    /// Run the rules of the active revision again on dead letters; an older event never overwrites
    /// a newer row
    #[command(
        after_help = "Example: gristmill dead-letters replay pipelines/users.toml --code \
                      unknown-op"
    )]
    Replay {
        #[command(flatten)]
        pipeline: PipelineArgument,
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
    /// Only this state: new, relayed, replayed, discarded or sample
    #[arg(long, value_parser = state)]
    state: Option<LetterState>,
    /// Only this partition
    #[arg(long)]
    partition: Option<i32>,
}

fn state(text: &str) -> Result<LetterState, String> {
    use LetterState::{Discarded, New, Relayed, Replayed, Sample};
    let found = [New, Relayed, Replayed, Discarded, Sample]
        .into_iter()
        .find(|s| s.as_str() == text);
    found.ok_or_else(|| "the states are new, relayed, replayed, discarded and sample".to_owned())
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

pub(super) async fn run(command: Command, out: Out<'_>) -> Result<ExitCode> {
    match command {
        Command::List {
            pipeline,
            select,
            limit,
        } => {
            let filter = select.filter(Some(limit));
            let opened = pipeline.open_those_that_ran().await?;
            let list = async |opened: Opened, out: Out<'_>| {
                render_list(&letter_list::list(&opened, &filter).await?, out)?;
                Ok(ExitCode::SUCCESS)
            };
            return each(opened, out, list).await;
        }
        Command::Show {
            pipeline,
            id,
            raw: true,
        } => {
            let value = letter_list::value(&pipeline.open().await?, &id).await?;
            io::stdout().write_all(&value)?;
        }
        Command::Show { pipeline, id, .. } => {
            render_detail(&letter_list::show(&pipeline.open().await?, &id).await?, out)?;
        }
        Command::Capture { pipeline, id, into } => {
            let rule = into.as_deref().map(Subject::of_folder).transpose()?;
            let case = capture(&pipeline.open().await?, &host_sandbox::open()?, &id).await?;
            match rule {
                None => write!(out, "{}", case.text(true))?,
                Some(rule) => {
                    let file = rule.keep_case(&id.to_string(), &case.text(rule.config().is_none()));
                    writeln!(out, "{}", file?.display())?;
                }
            }
        }
        Command::Replay {
            pipeline,
            ids,
            select,
            limit,
        } => {
            let which = match ids.is_empty() {
                true => Which::Filter(select.filter(limit)),
                false => Which::Ids(ids),
            };
            let opened = match which {
                // A letter is one pipeline's.
                Which::Ids(_) => vec![pipeline.open().await?],
                Which::Filter(_) => pipeline.open_to_change().await?,
            };
            let sandbox = host_sandbox::open()?;
            let replay = async |opened: Opened, out: Out<'_>| {
                let replayed = replay_letters(&opened, &sandbox, which.clone()).await?;
                writeln!(
                    out,
                    "{} replayed, {} still cannot be used",
                    replayed.used, replayed.again
                )?;
                Ok(match replayed.again {
                    0 => ExitCode::SUCCESS,
                    _ => ExitCode::FAILURE,
                })
            };
            return each(opened, out, replay).await;
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn render_list(list: &LetterList, out: Out<'_>) -> io::Result<()> {
    if list.all == 0 {
        return writeln!(out, "no dead letters");
    }
    let mut table = table::borderless();
    table.set_header(["id", "state", "stage", "code", "message", "revision"]);
    for letter in &list.letters {
        table.add_row([
            &letter.id.to_string(),
            letter.state,
            &letter.stage,
            &letter.code,
            &*visible(&letter.message),
            &letter.revision.to_string(),
        ]);
    }
    writeln!(out, "{table}")?;
    let (all, more) = (list.all, list.all - list.letters.len() as i64);
    if more > 0 {
        writeln!(
            out,
            "{more} more: --limit {all} shows all, --code and --partition show fewer"
        )?;
    }
    Ok(())
}

pub(super) fn render_detail(letter: &LetterDetail, out: Out<'_>) -> io::Result<()> {
    let none = || "(none)".to_owned();
    let text = |bytes: &Option<RecordBytes>| match bytes {
        None => none(),
        Some(RecordBytes::Text(text)) => text.clone(),
        Some(RecordBytes::Binary { length, escaped }) => {
            format!("{length} bytes that are not UTF-8: {escaped}")
        }
    };
    let time = |us: Option<i64>| {
        us.and_then(|us| Timestamp::from_microsecond(us).ok())
            .map_or_else(none, |t| t.to_string())
    };
    let record_at_us = letter.record_at_ms.map(|ms| ms.saturating_mul(1_000));
    let mut line = |name: &str, value: &str| writeln!(out, "{name:<11}{}", visible(value));
    line("id", &letter.summary.id.to_string())?;
    line("state", letter.summary.state)?;
    line("stage", &letter.summary.stage)?;
    line("code", &letter.summary.code)?;
    line("message", &letter.summary.message)?;
    line("revision", &letter.summary.revision.to_string())?;
    line("component", letter.component.as_deref().unwrap_or("(none)"))?;
    line("attempts", &letter.attempts.to_string())?;
    line("at", &time(Some(letter.at_us)))?;
    line("record at", &time(record_at_us))?;
    for (name, value) in &letter.headers {
        line("header", &format!("{name}: {}", text(value)))?;
    }
    line("key", &text(&letter.key))?;
    line("value", &text(&letter.value))
}
