//! gristmill streams change events from Kafka into Postgres, exactly once, and runs the rules that
//! shape them as sandboxed WebAssembly components.
//!
//! # One record's walk
//!
//! ```text
//! Kafka -> kafka/consumer -> decode -> normalize -> dedup -> join -> enrich* -> postgres/sink (one transaction) -> offset hint
//!          (bytes)           (columns) (component)  (state)  (host)  (components) rows + dead letters + checkpoint
//! ```
//!
//! 1. [`kafka`]: one thread polls Kafka and feeds each partition's worker with raw records, from
//!    the offset that the checkpoint named ([`start`]).
//! 2. [`worker`]: one per partition. It collects an open batch and hands it to its chain
//!    (`gristmill_core::chain`), which decodes the declared document paths into columns, runs the
//!    transforms ([`sandbox`]), keeps the newest version of each key, and turns what cannot be used
//!    into dead letters.
//! 3. [`postgres`]: one transaction compares and swaps the partition's checkpoint, upserts the rows
//!    under an event-time guard and writes the dead letters.
//! 4. The worker's dedup state learns what has committed, Kafka gets its offset as a hint, and
//!    [`relay`] sends dead letters on to their topic.
//!
//! # Who owns what
//!
//! [`cli`] -> [`supervisor`] (the process) -> [`assignment`] (partitions come and go) -> [`worker`]
//! -> `kafka`, `sandbox`, `postgres` -> `gristmill_core`. rdkafka is used in `kafka` alone,
//! wasmtime in `sandbox`, SQL in `postgres`. [`pipeline`] is a [`config`] file with all that it
//! names loaded and checked. [`authoring`] is for those who write rules, and needs no server;
//! [`purity`] tests a component before anybody trusts it; [`difference`] says what another rule
//! would change.

pub mod authoring;
pub mod cli;
pub mod definition;
pub mod demo;
pub mod fleet;
pub mod ops;
pub mod partition;
pub mod process;

use std::path::PathBuf;

/// Where compiled components are kept between runs: `$XDG_CACHE_HOME/gristmill` or
/// `~/.cache/gristmill`; none without a home.
pub fn cache_folder() -> Option<PathBuf> {
    let set = |name| {
        std::env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    let base = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")))?;
    Some(base.join("gristmill"))
}
