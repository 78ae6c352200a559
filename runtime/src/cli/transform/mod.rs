//! `gristmill transform`: writing a rule, and changing one of a pipeline that runs.

mod bench_command;
mod build_command;
mod history_command;
mod inspect_command;
mod new_command;
mod promote_command;
mod replay_command;
mod rollback_command;
mod swap_command;
mod test_command;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

use super::each::each;
use super::out::Out;
use super::pipeline_argument::PipelineArgument;
use super::{difference_text, progress_text, stop_signal, table};

#[cfg(test)]
pub(super) use {
    bench_command::render as render_bench, history_command::render as render_history,
    inspect_command::render as render_inspect, replay_command::render as render_replay,
    test_command::render as render_verdict,
};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Make a small crate for a new rule: the rule, its config, a case
    #[command(after_help = "Example: gristmill transform new enrich-age")]
    New(new_command::Args),
    /// Compile a rule to its component, NAME.wasm
    #[command(after_help = "Example: gristmill transform build enrich-age")]
    Build(build_command::Args),
    /// Build a rule, run its cases in every way a batch can reach it, and show what differs
    #[command(after_help = "Example: gristmill transform test --update")]
    Test(test_command::Args),
    /// Measure what a row costs, against a transform that does nothing
    #[command(after_help = "Example: gristmill transform bench builtin:enrich-email")]
    Bench(bench_command::Args),
    /// Say what a component is: reads, joins, writes, codes, config, imports, limits, size, digest
    #[command(after_help = "Example: gristmill transform inspect builtin:enrich-email")]
    Inspect(inspect_command::Args),
    /// Run recorded traffic through a new rule, and show what would differ from what the table
    /// holds; nothing is written
    ///
    /// The rest of the chain is as in the active revision, or as the file says where none is. A row
    /// that a newer event has made since is not compared.
    #[command(
        after_help = "Example: gristmill transform replay pipelines/users.toml enrich-email \
                      --component new.wasm --from 0 --to 10000"
    )]
    Replay(replay_command::Args),
    /// Change a rule of a pipeline that runs: no restart, nothing lost or doubled
    #[command(
        after_help = "Example: gristmill transform swap pipelines/users.toml enrich-email new.wasm"
    )]
    Swap(swap_command::Args),
    /// Make the staged revision, or the canary, active everywhere
    #[command(after_help = "Example: gristmill transform promote pipelines/users.toml")]
    Promote(promote_command::Args),
    /// Go back to what a rule was before its last change
    #[command(
        after_help = "Example: gristmill transform rollback pipelines/users.toml enrich-email"
    )]
    Rollback(rollback_command::Args),
    /// Say which revisions there were, who made them and why, and from which offsets each ran
    #[command(after_help = "Example: gristmill transform history pipelines/users.toml")]
    History(PipelineArgument),
}

impl Command {
    /// Whether it shows what a rule answers, and why it fails, by itself.
    pub(super) fn runs_cases(&self) -> bool {
        matches!(self, Self::Test(_))
    }
}

pub(super) async fn run(command: Command, out: Out<'_>) -> Result<ExitCode> {
    match command {
        Command::New(args) => new_command::run(&args, out)?,
        Command::Test(args) => return test_command::run(&args, out),
        Command::Bench(args) => bench_command::run(&args, out)?,
        Command::Build(args) => build_command::run(&args, out)?,
        Command::Inspect(args) => inspect_command::run(&args, out)?,
        Command::Replay(args) => replay_command::run(args, out).await?,
        Command::Swap(args) => swap_command::run(args, out).await?,
        Command::Promote(args) => return promote_command::run(args, out).await,
        Command::Rollback(args) => return rollback_command::run(args, out).await,
        Command::History(pipeline) => return history_command::run(&pipeline, out).await,
    }
    Ok(ExitCode::SUCCESS)
}
