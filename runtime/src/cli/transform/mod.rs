//! `gristmill transform`: writing a rule.

mod bench;
mod build;
mod fleet;
mod history;
mod inspect;
mod new;
mod replay;
mod rollback;
mod shadow;
mod swap;
mod test;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Make a small crate for a new rule: the rule, its config, a case
    #[command(after_help = "Example: gristmill transform new enrich-age")]
    New(new::Args),
    /// Compile a rule to its component, NAME.wasm
    #[command(after_help = "Example: gristmill transform build enrich-age")]
    Build(build::Args),
    /// Build a rule, run its cases in every way a batch can reach it, and show what differs
    #[command(after_help = "Example: gristmill transform test --update")]
    Test(test::Args),
    /// Measure what a row costs, against a transform that does nothing
    #[command(after_help = "Example: gristmill transform bench builtin:enrich-email")]
    Bench(bench::Args),
    /// Say what a component is: reads, joins, writes, codes, config, imports, limits, size, digest
    #[command(after_help = "Example: gristmill transform inspect builtin:enrich-email")]
    Inspect(inspect::Args),
    /// Run recorded traffic through a new rule, and show what would differ from what the table
    /// holds; nothing is written
    ///
    /// The rest of the chain is as in the active revision, or as the file says where none is. A row
    /// that a newer event has made since is not compared.
    #[command(
        after_help = "Example: gristmill transform replay pipelines/users.toml enrich-email \
                      --component new.wasm --from 0 --to 10000"
    )]
    Replay(replay::Args),
    /// Change a rule of a pipeline that runs: no restart, nothing lost or doubled
    #[command(
        after_help = "Example: gristmill transform swap enrich-email new.wasm --pipeline \
                      pipelines/users.toml"
    )]
    Swap(swap::SwapArgs),
    /// Make the staged revision, or the canary, active everywhere
    #[command(after_help = "Example: gristmill transform promote --pipeline pipelines/users.toml")]
    Promote(swap::PromoteArgs),
    /// Go back to what a rule was before its last change
    #[command(
        after_help = "Example: gristmill transform rollback enrich-email --pipeline \
                      pipelines/users.toml"
    )]
    Rollback(rollback::Args),
    /// Say which revisions there were, who made them and why, and from which offsets each ran
    #[command(after_help = "Example: gristmill transform history --pipeline pipelines/users.toml")]
    History(swap::PipelineArg),
}

impl Command {
    /// Whether it shows what a rule answers, and why it fails, by itself.
    pub(super) fn runs_cases(&self) -> bool {
        matches!(self, Self::Test(_))
    }
}

pub(super) async fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::New(args) => new::run(&args)?,
        Command::Test(args) => return test::run(&args),
        Command::Bench(args) => bench::run(&args)?,
        Command::Build(args) => build::run(&args)?,
        Command::Inspect(args) => inspect::run(&args)?,
        Command::Replay(args) => replay::run(args).await?,
        Command::Swap(args) => swap::swap(args).await?,
        Command::Promote(args) => swap::promote(args).await?,
        Command::Rollback(args) => rollback::run(args).await?,
        Command::History(args) => history::run(args).await?,
    }
    Ok(ExitCode::SUCCESS)
}
