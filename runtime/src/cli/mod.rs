//! The command line. Each command has its file; this is what they share.

mod check;
mod dead_letters;
pub mod logging;
pub mod produce;
mod run;
mod schema;
mod status;
pub(crate) mod table;
pub mod timestamp;
mod transform;
mod try_events;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use tokio_util::sync::CancellationToken;

use crate::definition::file::{self, Config};
use crate::definition::pipeline::Pipeline;
use gristmill_postgres::wire::connection::Database;
use gristmill_sandbox::{Sandbox, SandboxError, compiler};

/// Change events from Kafka into Postgres, exactly once, with rules in WebAssembly.
#[derive(Parser)]
#[command(version, about, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a pipeline until it is told to stop (Ctrl-C or SIGTERM)
    #[command(after_help = "Example: KAFKA_BOOTSTRAP=localhost:9092 \
                            DATABASE_URL=postgres://app@localhost/appdb gristmill run \
                            pipelines/users.toml")]
    Run(PipelineFile),
    /// Say everything that would stop a pipeline, before it starts
    #[command(after_help = "Example: gristmill check pipelines/users.toml")]
    Check(PipelineFile),
    /// Print or create the tables that a pipeline needs
    #[command(
        subcommand,
        after_help = "Example: gristmill schema apply pipelines/users.toml"
    )]
    Schema(schema::Command),
    /// Show partitions, offsets, lag, states and counts of a pipeline
    #[command(after_help = "Example: gristmill status pipelines/users.toml")]
    Status(PipelineFile),
    /// List, show and replay records that could not be used
    #[command(
        subcommand,
        after_help = "Example: gristmill dead-letters list pipelines/users.toml --code unknown-op"
    )]
    DeadLetters(dead_letters::Command),
    /// Write a rule: build it, test it, look at it
    #[command(
        subcommand,
        alias = "plugin",
        after_help = "Example: gristmill transform inspect builtin:enrich-email"
    )]
    Transform(transform::Command),
    /// Show events before and after a rule or a pipeline; nothing is written
    ///
    /// A pipeline takes the events as they are, and so does a normalizer. A rule alone gets each
    /// event's row: `after` of a change event, or `before` of a delete; an object without
    /// either is a row itself. Joins find their rows in cases/dimensions/NAME.csv of the rule's
    /// folder, or in what ships. Each event is run as if it were the first.
    #[command(
        after_help = "Examples:\n  gristmill try . --on events.json\n  gristmill try \
                      pipelines/users.toml --topic users_cdc --bootstrap localhost:9092"
    )]
    Try(try_events::Args),
    /// Send events from a file, or generated ones, to a topic
    #[command(
        after_help = "Example: gristmill produce --file data/sample_events.json --topic users_cdc \
                      --bootstrap localhost:9092"
    )]
    Produce(produce::Args),
    /// Print event times (timestamp_ms) as UTC
    #[command(after_help = "Example: gristmill timestamp 1726531200000")]
    Timestamp(timestamp::Args),
    /// What each of the others starts to compile a component
    #[command(name = compiler::COMMAND, hide = true)]
    CompileComponent(compiler::CompileArgs),
    /// Run the users pipeline on sample events with a broker and a database of its own
    #[command(after_help = "Example: gristmill demo --keep")]
    Demo(DemoArgs),
}

#[derive(Args)]
struct PipelineFile {
    /// The pipeline's TOML file
    pipeline: PathBuf,
}

#[derive(Args)]
struct DemoArgs {
    /// Stay up until Ctrl-C, with the psql line to look around
    #[arg(long)]
    keep: bool,
}

/// The command line as clap knows it: every command with its arguments and help.
pub fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

/// Compiles for another process of this program, which reads what is printed.
fn compile_component(args: &compiler::CompileArgs) -> ExitCode {
    match compiler::in_child(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprintln!("{}", failed.reason);
            ExitCode::from(failed.exit_code)
        }
    }
}

/// Parses the command line and runs it. Errors go to standard error, with what caused them.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    // Before there are threads: their stacks would count.
    if let Command::CompileComponent(args) = &cli.command {
        return compile_component(args);
    }
    end_quietly_without_reader();
    crate::cli::logging::start(match &cli.command {
        // The demo tells its own story; of the rest only trouble is of interest.
        Command::Demo(_) => "warn",
        // What a rule says when it panics stands in the tables already.
        Command::Try(_) => "warn,gristmill_sandbox::log=off",
        Command::Transform(command) if command.runs_cases() => "warn,gristmill_sandbox::log=off",
        _ => "info",
    });
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let done = runtime.block_on(dispatch(cli.command));
    // Threads that still wait for a server that is away must not hold the exit up.
    runtime.shutdown_background();
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Who pipes a listing into `head` has seen enough: that is no panic. 141 is what a shell says of
/// SIGPIPE, which Rust ignores.
fn end_quietly_without_reader() {
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let message = panic.payload_as_str().unwrap_or_default();
        if message.starts_with("failed printing to stdout") && message.contains("os error 32") {
            #[allow(
                clippy::disallowed_methods,
                reason = "as SIGPIPE would, which drops nothing"
            )]
            std::process::exit(141);
        }
        told(panic);
    }));
}

async fn dispatch(command: Command) -> Result<ExitCode> {
    match command {
        Command::Run(file) => run::run(&file.pipeline).await?,
        Command::Check(file) => return check::run(&file.pipeline).await,
        Command::Schema(command) => schema::run(command).await?,
        Command::Status(file) => status::run(&file.pipeline).await?,
        Command::DeadLetters(command) => return dead_letters::run(command).await,
        Command::Transform(command) => return transform::run(command).await,
        Command::Try(args) => try_events::run(args).await?,
        Command::Produce(args) => produce::run(args).await?,
        Command::Timestamp(args) => timestamp::run(args).await?,
        Command::CompileComponent(args) => return Ok(compile_component(&args)),
        Command::Demo(args) => crate::demo::run(args.keep, stop_signal()?).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A pipeline file with the database it names.
fn open(path: &Path) -> Result<(Config, Database)> {
    let config = file::load(path)?;
    let application = format!("gristmill/{}", config.pipeline.name);
    let database = Database::new(&config.target.url, &application).context("target.url")?;
    Ok((config, database))
}

/// The sandbox of every command, with the compiled components of all runs.
pub(crate) fn sandbox() -> Result<Sandbox, SandboxError> {
    Sandbox::compiling_apart(crate::folders::cache_folder().as_deref())
}

/// The same with everything that the file names loaded.
async fn open_pipeline(path: &Path) -> Result<(Pipeline, Database)> {
    let (config, database) = open(path)?;
    let sandbox = sandbox()?;
    let pipeline = Pipeline::load(config, &sandbox, &database).await?;
    Ok((pipeline, database))
}

/// Cancelled at the first Ctrl-C or SIGTERM; a second one ends the process at once.
pub(crate) fn stop_signal() -> Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    let stop = CancellationToken::new();
    let told = stop.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if told.is_cancelled() {
                #[allow(
                    clippy::disallowed_methods,
                    reason = "asked for twice: nothing may wait"
                )]
                std::process::exit(130);
            }
            tracing::info!("stopping");
            told.cancel();
        }
    });
    Ok(stop)
}
