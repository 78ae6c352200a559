//! What the host holds for an instance: what it has used, what it was denied, what it said last.

use std::time::Duration;

use wasmtime::{ResourceLimiter, StoreContextMut};

use crate::bindings::gristmill::transform::{log, types};
use crate::limits::Limits;
use crate::log::Log;
use crate::printable::{MESSAGE_MAX_BYTES, printable};
use crate::work_clock::WorkClock;

/// Fuel for a line, besides one a byte. 4,000: a microsecond at four instructions a nanosecond,
/// which is what a line costs the host.
const LINE_FUEL: u64 = 4_000;

pub(crate) struct HostState {
    pub(crate) limits: Limits,
    pub(crate) log: Log,
    memory_bytes: usize,
    table_elements: usize,
    /// The limit that was in the way since the call began. A denied growth is only an answer to
    /// the guest; the trap that follows is explained by this.
    denied: Option<&'static str>,
    /// What it logged last as an error since the call began: a panic says so before it traps.
    last_error: Option<String>,
    /// Where a call that misses its deadline goes on.
    patience: Option<Patience>,
}

/// What a call may work beyond its deadline, while there is no code yet to run it metered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    clock: WorkClock,
    max: Duration,
}

impl Patience {
    /// Begins now.
    pub(crate) fn new(max: Duration) -> Self {
        Self {
            clock: WorkClock::start(),
            max,
        }
    }

    /// Never, where nobody can tell work from time in which the process stood still: then the
    /// call waits for the code that counts.
    pub(crate) fn is_spent(&self) -> bool {
        self.clock
            .elapsed()
            .is_some_and(|worked| worked >= self.max)
    }

    /// As on a system that does not tell what a thread has worked.
    #[cfg(test)]
    pub(crate) fn untold(max: Duration) -> Self {
        Self {
            clock: WorkClock::untold(),
            max,
        }
    }
}

impl HostState {
    pub(crate) fn new(limits: Limits, log: Log) -> Self {
        Self {
            limits,
            log,
            memory_bytes: 0,
            table_elements: 0,
            denied: None,
            last_error: None,
            patience: None,
        }
    }

    pub(crate) fn patience(&self) -> Option<Patience> {
        self.patience
    }

    pub(crate) fn set_patience(&mut self, patience: Option<Patience>) {
        self.patience = patience;
    }

    /// Linear memory of the instance.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    pub(crate) fn begin_call(&mut self) {
        self.denied = None;
        self.last_error = None;
    }

    /// The limit that the call ran into, for a message.
    pub(crate) fn denied(&self) -> Option<String> {
        let limit = self.denied?;
        let value = match limit {
            "memory_max_bytes" => self.limits.memory_max_bytes,
            _ => self.limits.table_elements_max,
        };
        Some(format!("{limit} = {value}"))
    }

    pub(crate) fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    /// Remembers which limit a growth did not fit.
    fn allow(&mut self, fits: bool, limit: &'static str) -> bool {
        if !fits {
            self.denied = Some(limit);
        }
        fits
    }
}

/// Lets one of several grow from `current` to `desired`, where all together stay within `max`.
fn grow(total: &mut usize, current: usize, desired: usize, max: usize) -> bool {
    let grown = total.saturating_sub(current).saturating_add(desired);
    let fits = grown <= max;
    if fits {
        *total = grown;
    }
    fits
}

impl ResourceLimiter for HostState {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let max = self.limits.memory_max_bytes;
        let fits = grow(&mut self.memory_bytes, current, desired, max);
        Ok(self.allow(fits, "memory_max_bytes"))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let max = self.limits.table_elements_max;
        let fits = grow(&mut self.table_elements, current, desired, max);
        Ok(self.allow(fits, "table_elements_max"))
    }

    fn instances(&self) -> usize {
        self.limits.core_instances_max
    }

    fn memories(&self) -> usize {
        self.limits.core_instances_max
    }

    fn tables(&self) -> usize {
        self.limits.core_instances_max
    }
}

impl types::Host for HostState {}

/// The import. In a metered call words cost fuel, so that a component cannot talk for hours within
/// its allowance of instructions.
pub(crate) fn write(
    mut store: StoreContextMut<'_, HostState>,
    (level, message): (log::Level, String),
) -> wasmtime::Result<()> {
    // An engine without fuel answers with an error; there the clock runs meanwhile.
    if let Ok(fuel) = store.get_fuel() {
        store.set_fuel(fuel.saturating_sub(LINE_FUEL + message.len() as u64))?;
    }
    let message = printable(&message, MESSAGE_MAX_BYTES);
    let state = store.data_mut();
    state.log.write(level, &message);
    if level == log::Level::Error {
        state.last_error = Some(message);
    }
    Ok(())
}
