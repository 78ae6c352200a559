//! `gristmill-bench`: gristmill, its rivals and the ceiling of this machine, in rounds that take
//! turns, on one topic that is filled already.
//!
//! [`traffic`] fills the topic and says what the table must hold at the end; a [`contender`] is
//! started on an empty database; [`measure`] watches the table and the processes ([`usage`]) until
//! the last row is there, and asks [`truth`] whether the table is right; [`ceiling`] is a contender
//! of our own that only writes, or only reads; [`report`] writes the results with their [`chart`].
//! [`latency`] and [`scale`] are scenarios of their own, of gristmill alone, and [`mirror`] one of
//! other events: those of Debezium.

mod ceiling;
mod chart;
mod contender;
mod latency;
mod measure;
mod mirror;
mod native;
mod report;
mod scale;
mod traffic;
mod truth;
mod usage;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use gristmill::definition::file;
use gristmill::http::listener::Listen;
use gristmill::process::{self, PipelineFile};
use gristmill_sandbox::Sandbox;
use gristmill_tests::kafka::Kafka;
use gristmill_tests::postgres::Postgres;
use gristmill_tests::program::repository;
use tokio_util::sync::CancellationToken;

use contender::Contender;
use measure::Outcome;
use scale::{Ground, Scenario};
use traffic::Traffic;

#[derive(Parser)]
#[command(about = "Measures gristmill beside its rivals and the ceiling of this machine")]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Fewer events and one round: minutes, and figures to be looked at only
    #[arg(long)]
    quick: bool,
    /// Events in the topic
    #[arg(long, value_name = "N")]
    events: Option<u64>,
    /// Users that they are about
    #[arg(long, value_name = "K")]
    keys: Option<u32>,
    /// How often each contender runs
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
    /// Only these contenders
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// Events a second of the latency runs; 0: none
    #[arg(
        long,
        value_name = "RATE",
        value_delimiter = ',',
        default_values_t = [100, 1_000, 10_000]
    )]
    latency: Vec<u32>,
    /// What to measure of gristmill at scale; all of it unless this says otherwise (many-keys not
    /// with --quick)
    #[arg(long, value_name = "SCENARIO", value_delimiter = ',')]
    scale: Option<Vec<Scenario>>,
    /// Where RESULTS.md and the chart go
    #[arg(long, value_name = "FOLDER", default_value_os_t = repository().join("benches"))]
    into: PathBuf,
}

#[derive(Subcommand)]
enum Command {
    /// What a contender is that only writes or only reads; started by the benchmark itself
    #[command(hide = true)]
    Ceiling(ceiling::Args),
    /// `gristmill run` with native rules; started by the benchmark itself
    #[command(hide = true)]
    Native { pipeline: PathBuf },
}

fn main() -> Result<()> {
    let args = Args::parse();
    match args.command {
        Some(Command::Ceiling(args)) => ceiling::run(args),
        Some(Command::Native { pipeline }) => run_native(&pipeline),
        None => bench(&args),
    }
}

fn run_native(pipeline: &Path) -> Result<()> {
    gristmill::cli::logging::start("info", None);
    let config = file::load(pipeline)?;
    let sandbox = Sandbox::linked(gristmill::folders::cache_folder().as_deref(), native::rule)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let file = PipelineFile {
        config,
        replay: None,
    };
    let stop = CancellationToken::new();
    runtime.block_on(process::run(vec![file], sandbox, Listen::Off, stop))
}

fn bench(args: &Args) -> Result<()> {
    let quick =
        |given: Option<u64>, quick, full| given.unwrap_or(if args.quick { quick } else { full });
    let events = quick(args.events, 100_000, 1_000_000);
    let keys = quick(args.keys.map(u64::from), 20_000, 200_000) as u32;
    let rounds = quick(args.rounds.map(|r| r as u64), 1, 3) as usize;
    let (contenders, absent) = Contender::all(&args.only)?;
    let load = usage::load()?;
    println!("starting Kafka and PostgreSQL");
    let (kafka, postgres) = (Kafka::start()?, Postgres::start()?);
    println!("filling the topic: {events} events about {keys} users, a tenth of them late");
    let traffic = Traffic::fill(&kafka, events, keys)?;
    let mut runs: Vec<Vec<Outcome>> = contenders.iter().map(|_| Vec::new()).collect();
    for round in 1..=rounds {
        let mut turns: Vec<_> = contenders.iter().zip(&mut runs).collect();
        // The other way round each time: whoever comes after a large one finds the machine as that
        // left it.
        if round % 2 == 0 {
            turns.reverse();
        }
        for (contender, runs) in turns {
            let name = contender.name();
            if runs.iter().any(Outcome::is_unfinished) {
                // It would take the whole of the patience once more.
                println!("round {round}: {name} is not tried again");
                continue;
            }
            let outcome = measure::run(contender, &kafka, &postgres, &traffic, round)
                .with_context(|| format!("{name}, round {round}"))?;
            println!("round {round}: {name}: {outcome}");
            runs.push(outcome);
        }
    }
    let mut latencies = Vec::new();
    for rate in args.latency.iter().filter(|rate| **rate > 0) {
        for swapping in [false, true] {
            let seconds = if args.quick { 5 } else { 30 };
            let latency = latency::run(&kafka, &postgres, *rate, seconds, swapping)?;
            println!("{latency}");
            latencies.push(latency);
        }
    }
    let ground = Ground {
        kafka: &kafka,
        postgres: &postgres,
        quick: args.quick,
        only: &args.only,
    };
    let scenarios = args.scale.clone();
    let scenarios = scenarios.unwrap_or_else(|| Scenario::usual(args.quick));
    let scale = scale::run(ground, &scenarios)?;
    let results = report::Results {
        events,
        keys,
        rounds,
        load,
        contenders: contenders.into_iter().zip(runs).collect(),
        absent,
        latencies,
        scale,
    };
    results.write(&args.into)
}
