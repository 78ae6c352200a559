//! What a component may use. Every limit is on by default.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::meter::TICK_MS;

/// Fuel that a core burns in a nanosecond, about: what the defaults below are made of.
const FUEL_PER_NS: u64 = 4;

/// The limits of one transform, as written in the pipeline file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Linear memory of one instance. 64 MiB: a rule in Rust or C stays under 2 MiB with a batch
    /// of 5,000 rows. Script languages want 128 MiB.
    pub memory_max_bytes: usize,
    /// Elements of all tables of one instance. 100,000: an interpreter compiled to WebAssembly has
    /// about 10,000 functions to point at.
    pub table_elements_max: usize,
    /// Core modules in one component. 64: Python's has 38, the most of any toolchain tried.
    pub core_instances_max: usize,
    /// Wall clock of a call, besides `deadline_per_row_us`. After it the batch is run again and
    /// its instructions are counted. 50 ms: five ticks of the 10 ms clock.
    pub deadline_base_ms: u64,
    /// Wall clock for each row, and for each KiB of text and bytes. 50 us: three times what the
    /// slowest toolchain tried (JavaScript, 17 us) needs for a row.
    pub deadline_per_row_us: u64,
    /// Fuel of a call, besides `fuel_per_row`. One WebAssembly instruction takes about one. A row
    /// that needs more is at fault. 200 million: what a core at four instructions a nanosecond
    /// does within `deadline_base_ms`, so that nothing passes on a quiet machine and fails on
    /// a busy one.
    pub fuel_base: u64,
    /// Fuel for each row, and for each KiB of text and bytes. 200,000: what a core does within
    /// `deadline_per_row_us`.
    pub fuel_per_row: u64,
    /// Fuel that the search for rows at fault may burn in one batch. Beyond it the component is at
    /// fault, not the data. 8 billion: about 2 s.
    pub conviction_fuel_max: u64,
    /// Wall clock to instantiate, and for each of `describe` and `open`. 2 s: a component in
    /// Python needs 2 ms, and may parse a large config.
    pub open_deadline_ms: u64,
    /// Fuel to instantiate, and for each of `describe` and `open`. 8 billion: what a core does
    /// within `open_deadline_ms`.
    pub open_fuel: u64,
    /// Bytes that one call may return or log, as the host holds them. 64 MiB: an honest component
    /// cannot return more than its memory holds.
    pub returned_max_bytes: usize,
    /// Log lines that are written. Further ones are counted. 20: a line a batch at 20 batches a
    /// second.
    pub log_lines_per_second: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_max_bytes: 64 << 20,
            table_elements_max: 100_000,
            core_instances_max: 64,
            deadline_base_ms: 50,
            deadline_per_row_us: 50,
            fuel_base: 200_000_000,
            fuel_per_row: 200_000,
            conviction_fuel_max: 8_000_000_000,
            open_deadline_ms: 2_000,
            open_fuel: 8_000_000_000,
            returned_max_bytes: 64 << 20,
            log_lines_per_second: 20,
        }
    }
}

/// What one call may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowance {
    pub(crate) deadline_ms: u64,
    pub(crate) fuel: u64,
}

impl Limits {
    /// What instantiating, `describe` and `open` may use.
    pub(crate) fn opening(&self) -> Allowance {
        Allowance {
            deadline_ms: self.open_deadline_ms,
            fuel: self.open_fuel,
        }
    }

    /// What `apply` may use on a batch that weighs as much as `rows` rows.
    pub(crate) fn applying(&self, rows: u64) -> Allowance {
        Allowance {
            deadline_ms: self
                .deadline_base_ms
                .saturating_add(self.deadline_per_row_us.saturating_mul(rows) / 1_000),
            fuel: self
                .fuel_base
                .saturating_add(self.fuel_per_row.saturating_mul(rows)),
        }
    }
}

impl Allowance {
    /// What a core needs for the fuel.
    pub(crate) fn fuel_time(&self) -> Duration {
        Duration::from_nanos(self.fuel / FUEL_PER_NS)
    }

    /// Ticks until the deadline; one more than fit, because the first may come at once.
    pub(crate) fn ticks(&self) -> u64 {
        self.deadline_ms.div_ceil(TICK_MS).saturating_add(1)
    }
}
