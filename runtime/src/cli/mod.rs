//! The command line: arguments and rendering, nothing else. What a command does is in `ops`,
//! `authoring` and `demo`, which return values; here they become sentences and tables.

mod absent_command;
mod check_command;
mod dead_letters_command;
mod difference_text;
mod each;
mod evolve_command;
mod init_command;
mod log_writer;
pub mod logging;
mod manual_command;
mod missed_deletes_command;
mod old_spelling;
mod out;
mod overview_text;
mod pipeline_argument;
mod pipeline_command;
mod produce_command;
mod program_version;
mod progress_text;
mod property_arguments;
mod rule_argument;
mod schema_command;
mod status_command;
mod status_words;
mod steer_command;
mod stop_signal;
mod table;
mod timestamp_command;
mod transform;
mod try_command;
mod url_passwords;
mod wait_argument;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};

use crate::definition::{file, host_sandbox};
use crate::handles::Replay;
use crate::http::listener::Listen;
use crate::ops::letter_replay::{Which, replay_letters};
use crate::ops::opened::Opened;
use crate::process::{self, PipelineFile};
use gristmill_sandbox::{Sandbox, compiler};

use logging::LogFormat;
use out::{NO_READER_CODE, Out, Stdout, complain, is_unread};
use pipeline_argument::PipelineArgument;
use stop_signal::{RUN_END_MAX, stop_signal};

/// The exit code of a command line that cannot be understood, as clap has it.
const USAGE_CODE: u8 = 2;

/// Change events from Kafka into Postgres, exactly once, with rules in WebAssembly.
#[derive(Parser)]
#[command(
    name = "gristmill",
    version,
    long_version = program_version::LONG.as_str(),
    about,
    max_term_width = 110
)]
struct Cli {
    #[command(subcommand)]
    invocation: Invocation,
}

/// Who started this process.
#[derive(Subcommand)]
enum Invocation {
    #[command(flatten)]
    Person(Command),
    /// What each of the others starts to compile a component
    #[command(name = compiler::COMMAND, hide = true)]
    CompileComponent(compiler::CompileArgs),
}

#[derive(Subcommand)]
enum Command {
    /// Write a first pipeline file for a topic of Debezium's, and the SQL of its table
    ///
    /// Nothing is written to Kafka or Postgres. What the records or the catalogue do not say is a
    /// guess, and is said to be one.
    #[command(
        after_help = "Examples:\n  gristmill init --from-topic app.public.users --bootstrap \
                      localhost:9092\n  gristmill init --from-database \
                      postgres://app@localhost/shop --source-table public.users --topic \
                      app.public.users"
    )]
    Init(Box<init_command::Args>),
    /// Run pipelines until they are told to stop (Ctrl-C or SIGTERM)
    ///
    /// Several files run in one process: each has a consumer group of its own, and they share
    /// connections, memory and heartbeat. One that halts, or cannot begin, stops none of the
    /// others. A file with `topics` stands for a pipeline of each topic, also of those that come
    /// later.
    #[command(after_help = "Example: KAFKA_BOOTSTRAP=localhost:9092 \
                            DATABASE_URL=postgres://app@localhost/appdb gristmill run \
                            pipelines/users.toml")]
    Run(RunArgs),
    /// Say everything that would stop a pipeline, before it starts
    #[command(after_help = "Example: gristmill check pipelines/users.toml")]
    Check(PipelineArgument),
    /// Print or create the tables that a pipeline needs
    #[command(
        subcommand,
        after_help = "Example: gristmill schema apply pipelines/users.toml"
    )]
    Schema(schema_command::Command),
    /// Show partitions, offsets, lag, states and counts of a pipeline
    ///
    /// Exits with 1 when something stands still: a partition that is halted, waits for longer
    /// than 10 s with records to write, or that no process runs.
    #[command(after_help = "Example: gristmill status pipelines/users.toml")]
    Status(status_command::Args),
    /// Stop writing, all of a pipeline or one partition, until it is resumed
    ///
    /// Works from any machine that reaches the database. The processes go on and follow within
    /// two seconds: a flush in flight finishes, and nothing more is read. Restarts and
    /// rebalances change nothing about it.
    #[command(
        after_help = "Example: gristmill pause pipelines/users.toml --partition 3 --reason \
                            'index is built'"
    )]
    Pause(steer_command::Args),
    /// Go on with what is paused, or try again what is halted, without a restart
    #[command(after_help = "Example: gristmill resume pipelines/users.toml --partition 3")]
    Resume(steer_command::Args),
    /// Change how newer events are told from older ones, what a deleted row leaves, or take in
    /// columns that the target's table has got
    ///
    /// The file says it first. A start and a swap refuse such a change, as it is no ordinary one:
    /// rows that are there keep the versions that they have. There is no canary and no shadow run,
    /// and rows that fail do not take it back.
    #[command(after_help = "Example: gristmill evolve pipelines/users.toml --dry-run")]
    Evolve(evolve_command::Args),
    /// List rows with cells that nobody knows, as the source did not send them
    #[command(after_help = "Example: gristmill absent pipelines/users.toml")]
    Absent(absent_command::Args),
    /// List rows that the source deleted while nobody listened, and delete them
    ///
    /// A snapshot of Debezium tells of each row that the source's table has, and says which record
    /// is its first and its last. Rows that nothing has written since it began are not there any
    /// more.
    #[command(after_help = "Example: gristmill missed-deletes pipelines/users.toml --delete")]
    MissedDeletes(missed_deletes_command::Args),
    /// List, show and replay records that could not be used
    #[command(
        subcommand,
        after_help = "Example: gristmill dead-letters list pipelines/users.toml --code unknown-op"
    )]
    DeadLetters(dead_letters_command::Command),
    /// Forget pipelines that nobody runs any more
    #[command(
        subcommand,
        after_help = "Example: gristmill pipeline forget pipelines/users.toml users"
    )]
    Pipeline(pipeline_command::Command),
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
    /// folder, or in what ships. Each event is run as if it were the first. Exits with 1 when one
    /// becomes a dead letter.
    #[command(
        after_help = "Examples:\n  gristmill try . --on events.json\n  gristmill try \
                      pipelines/users.toml --topic users_cdc --bootstrap localhost:9092\n  \
                      gristmill try pipelines/users.toml . --on events.json"
    )]
    Try(Box<try_command::Args>),
    /// Send events from a file, or generated ones, to a topic
    #[command(
        after_help = "Example: gristmill produce --file data/sample_events.json --topic users_cdc \
                      --bootstrap localhost:9092"
    )]
    Produce(produce_command::Args),
    /// Print event times (timestamp_ms) as UTC
    #[command(after_help = "Example: gristmill timestamp 1726531200000")]
    Timestamp(timestamp_command::Args),
    /// Print the script that completes commands in a shell
    #[command(after_help = "Example: gristmill completions bash > \
                      ~/.local/share/bash-completion/completions/gristmill")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual: a page for each command
    #[command(after_help = "Example: gristmill man > gristmill.1 && man ./gristmill.1")]
    Man,
    /// Run the users pipeline on sample events with a broker and a database of its own
    #[command(after_help = "Example: gristmill demo --keep")]
    Demo(DemoArgs),
}

#[derive(Args)]
struct RunArgs {
    /// The pipelines' TOML files
    #[arg(value_name = "FILE", required = true)]
    paths: Vec<PathBuf>,
    /// Where to answer /healthz, /readyz and /metrics: HOST:PORT, or off; the file's `[http]
    /// listen` where it is not given (of the first file that has one)
    #[arg(long, value_name = "ADDRESS|off")]
    http: Option<Listen>,
    /// What the log looks like: text where standard error is a terminal, else JSON
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<LogFormat>,
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
            complain(&failed.reason);
            ExitCode::from(failed.exit_code)
        }
    }
}

/// Parses the command line and runs it. Errors go to standard error, with what caused them.
pub fn main() -> ExitCode {
    let arguments = std::env::args_os().skip(1);
    let arguments: Vec<String> = arguments
        .map(|a| a.to_string_lossy().into_owned())
        .collect();
    if let Some(new) = old_spelling::new_spelling(&arguments) {
        complain(&format!("error: the pipeline file comes first now: {new}"));
        return USAGE_CODE.into();
    }
    match Cli::parse().invocation {
        // Before there are threads: their stacks would count.
        Invocation::CompileComponent(args) => compile_component(&args),
        Invocation::Person(command) => run(command),
    }
}

fn run(command: Command) -> ExitCode {
    let (format, is_logged) = match &command {
        Command::Run(args) => (args.log_format, true),
        _ => (None, false),
    };
    let logging = logging::start(level(&command), format);
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            logging.failed(
                &anyhow::Error::new(error).context("cannot start"),
                is_logged,
            );
            return ExitCode::FAILURE;
        }
    };
    let done = runtime.block_on(dispatch(command, &mut Stdout::new()));
    // Threads that still wait for a server that is away must not hold the exit up.
    runtime.shutdown_background();
    match done {
        Ok(code) => {
            logging.end();
            code
        }
        Err(error) if is_unread(&error) => NO_READER_CODE.into(),
        Err(error) => {
            logging.failed(&error, is_logged);
            ExitCode::FAILURE
        }
    }
}

/// What is logged, where the environment does not say.
fn level(command: &Command) -> &'static str {
    match command {
        // The demo tells its own story; of the rest only trouble is of interest.
        Command::Demo(_) => "warn",
        // They show themselves what a rule logs.
        Command::Try(_) => "warn,gristmill_sandbox::load=info",
        Command::Transform(command) if command.runs_cases() => "warn,gristmill_sandbox::load=info",
        _ => "info",
    }
}

async fn dispatch(command: Command, out: Out<'_>) -> Result<ExitCode> {
    match command {
        Command::Init(args) => init_command::run(*args, out).await?,
        Command::Run(args) => run_pipelines(args).await?,
        Command::Check(pipeline) => return check_command::run(&pipeline, out).await,
        Command::Schema(command) => schema_command::run(command, out).await?,
        Command::Status(pipeline) => return status_command::run(&pipeline, out).await,
        Command::Pause(args) => return steer_command::pause(&args, out).await,
        Command::Evolve(args) => return evolve_command::run(args, out).await,
        Command::Resume(args) => return steer_command::resume(&args, out).await,
        Command::Absent(args) => return absent_command::run(&args, out).await,
        Command::MissedDeletes(args) => missed_deletes_command::run(&args, out).await?,
        Command::Pipeline(command) => return pipeline_command::run(command, out).await,
        Command::DeadLetters(command) => return dead_letters_command::run(command, out).await,
        Command::Transform(command) => return transform::run(command, out).await,
        Command::Try(args) => return try_command::run(*args, out).await,
        Command::Completions { shell } => manual_command::completions(self::command(), shell, out)?,
        Command::Man => manual_command::man(self::command(), out)?,
        Command::Produce(args) => produce_command::run(args, out).await?,
        Command::Timestamp(args) => timestamp_command::run(args, out)?,
        Command::Demo(args) => crate::demo::run(args.keep, stop_signal(None)?, out).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What tries dead letters of the pipelines of the file at `path` again.
fn replay(path: &Path, sandbox: &Sandbox) -> Replay {
    let (path, sandbox) = (path.to_owned(), sandbox.clone());
    Arc::new(move |config, ids| {
        let (path, sandbox) = (path.clone(), sandbox.clone());
        Box::pin(async move {
            let opened = Opened::new(&path, config)?;
            let replayed = replay_letters(&opened, &sandbox, Which::Ids(ids)).await?;
            Ok(replayed.used)
        })
    })
}

async fn run_pipelines(args: RunArgs) -> Result<()> {
    let stop = stop_signal(Some(RUN_END_MAX))?;
    let sandbox = host_sandbox::open()?;
    let mut files = Vec::new();
    for path in &args.paths {
        let config = file::load_any(path)?;
        let replay = Some(replay(path, &sandbox));
        files.push(PipelineFile { config, replay });
    }
    let listens = files.iter().find_map(|f| f.config.http.listen.as_deref());
    let listen = match (args.http, listens) {
        (Some(listen), _) => listen,
        (None, Some(text)) => text.parse().context("http.listen")?,
        (None, None) => Listen::default(),
    };
    process::run(files, sandbox, listen, stop).await
}
