//! How gristmill alone behaves when something grows, stands still or is away: each scenario is a
//! table of its own.
//!
//! A scenario makes a [`job`] with a topic and a database of its own from a [`shape`], and asks at
//! the end whether the table is right.

mod cost;
mod idle;
mod job;
mod keys;
mod outage;
mod restart;
mod shape;

use std::fmt::Write;

use anyhow::{Context, Result};
use clap::ValueEnum;
use gristmill_tests::kafka::Kafka;
use gristmill_tests::postgres::Postgres;

use crate::mirror;

/// What can be measured, by the names that `--scale` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// Catching up after Postgres was away
    Outage,
    /// From a start to the first row
    Restart,
    /// What it uses when nothing happens
    Idle,
    /// Memory by keys
    Keys,
    /// The same with 10 million: minutes
    ManyKeys,
    /// Cost by the size of a message
    Size,
    /// Cost by projected columns
    Columns,
    /// Cost by transforms in the chain
    Transforms,
    /// Speed and cost by partitions and processes
    Spread,
    /// A table that Debezium captured, mirrored, beside Kafka Connect
    Mirror,
    /// Nothing
    None,
}

/// The size of an event as shipped.
pub(crate) const EVENT_BYTES: usize = 200;
/// The number of keys that events are about.
pub(crate) const KEYS: u64 = 50_000;

/// The servers in which a scenario makes its topics and databases, and whether a small sample will
/// do.
#[derive(Clone, Copy)]
pub(crate) struct Ground<'a> {
    pub(crate) kafka: &'a Kafka,
    pub(crate) postgres: &'a Postgres,
    pub(crate) quick: bool,
    /// The contenders that are asked for; empty: all.
    pub(crate) only: &'a [String],
}

impl Ground<'_> {
    /// Whether the contender is asked for.
    pub(crate) fn wants(&self, contender: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == contender)
    }

    pub(crate) fn events(&self, quick: u64, full: u64) -> u64 {
        if self.quick { quick } else { full }
    }
}

/// What a scenario found: figures as text under their headings.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) title: &'static str,
    pub(crate) about: String,
    pub(crate) heads: Vec<&'static str>,
    pub(crate) rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn markdown(&self) -> Result<String> {
        let mut text = format!("### {}\n\n{}\n\n", self.title, self.about);
        writeln!(text, "| {} |", self.heads.join(" | "))?;
        writeln!(text, "|{}", "---|".repeat(self.heads.len()))?;
        for row in &self.rows {
            writeln!(text, "| {} |", row.join(" | "))?;
        }
        Ok(text)
    }
}

impl Scenario {
    /// Those of a run that names none.
    pub(crate) fn usual(quick: bool) -> Vec<Self> {
        let mut all = Self::value_variants().to_vec();
        all.retain(|s| *s != Self::None && !(quick && *s == Self::ManyKeys));
        all
    }

    fn run(self, ground: Ground<'_>) -> Result<Option<Table>> {
        Ok(Some(match self {
            Self::Outage => outage::run(ground)?,
            Self::Restart => restart::run(ground)?,
            Self::Idle => idle::run(ground)?,
            Self::Keys => keys::few(ground)?,
            Self::ManyKeys => keys::many(ground)?,
            Self::Size => cost::by_size(ground)?,
            Self::Columns => cost::by_columns(ground)?,
            Self::Transforms => cost::by_transforms(ground)?,
            Self::Spread => cost::by_spread(ground)?,
            Self::Mirror => mirror::run(ground)?,
            Self::None => return Ok(None),
        }))
    }
}

/// Runs one scenario after another.
pub(crate) fn run(ground: Ground<'_>, scenarios: &[Scenario]) -> Result<Vec<Table>> {
    let mut tables = Vec::new();
    for scenario in scenarios {
        let table = scenario.run(ground);
        if let Some(table) = table.with_context(|| format!("{scenario:?}"))? {
            println!("{}", table.markdown()?);
            tables.push(table);
        }
    }
    Ok(tables)
}
