//! `gristmill transform replay`: what another rule would make of recorded traffic.

use std::io;
use std::path::PathBuf;

use anyhow::Result;

use super::{Out, PipelineArgument, difference_text};
use crate::definition::host_sandbox;
use crate::ops::traffic_replay::{ReplayRequest, TrafficReplayed, replay_traffic};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pipeline: PipelineArgument,
    /// The transform's name in the pipeline
    name: String,
    /// What to run in its place: a rule's folder (which is built first), a .wasm file, or
    /// builtin:NAME
    #[arg(long, value_name = "FILE")]
    component: String,
    /// Its config, a TOML or JSON file; without one the transform's present config
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The first offset
    #[arg(long, value_name = "OFFSET", value_parser = offset, allow_negative_numbers = true)]
    from: i64,
    /// The offset behind the last
    #[arg(long, value_name = "OFFSET", value_parser = offset, allow_negative_numbers = true)]
    to: i64,
    /// The partition of the topic
    #[arg(long, value_name = "N", default_value_t = 0)]
    partition: i32,
}

fn offset(text: &str) -> Result<i64, &'static str> {
    let offset = text.parse().ok().filter(|offset| *offset >= 0);
    offset.ok_or("an offset is a number from 0 on, as `gristmill status` shows them")
}

pub(super) async fn run(args: Args, out: Out<'_>) -> Result<()> {
    let request = ReplayRequest {
        rule: args.name,
        component: args.component,
        config: args.config,
        partition: args.partition,
        offsets: args.from..args.to,
    };
    request.check()?;
    let opened = args.pipeline.open().await?;
    let replayed = replay_traffic(opened, &host_sandbox::open()?, &request).await?;
    Ok(render(&replayed, out)?)
}

pub(crate) fn render(replayed: &TrafficReplayed, out: Out<'_>) -> io::Result<()> {
    let basis = match replayed.active {
        Some(revision) => format!("revision {revision}, which is active"),
        None => "the file, for no revision is active".to_owned(),
    };
    writeln!(
        out,
        "{}[{}] from offset {} to {} (exclusive), {} read: `{}` by {}, all else as in {basis}\n",
        replayed.topic,
        replayed.partition,
        replayed.from_offset,
        replayed.to_offset,
        replayed.records,
        replayed.rule,
        replayed.component,
    )?;
    let text = difference_text::text(&replayed.difference, "table has", "rule gives");
    writeln!(out, "{text}")
}
