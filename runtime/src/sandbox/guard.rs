//! What the host holds for an instance: what it has used, what it was denied, what it said last.

use wasmtime::ResourceLimiter;

use super::bindings::gristmill::transform::{log, types};
use super::limits::Limits;
use super::log::{Log, MESSAGE_MAX_BYTES, cut};

pub(super) struct Guard {
    pub(super) limits: Limits,
    pub(super) log: Log,
    memory_bytes: usize,
    table_elements: usize,
    /// The limit that was in the way since the call began. A denied growth is only an answer to the guest; the trap that follows is explained by this.
    denied: Option<&'static str>,
    /// What it logged last as an error since the call began: a panic says so before it traps.
    last_error: Option<String>,
}

impl Guard {
    pub(super) fn new(limits: Limits, log: Log) -> Self {
        Self {
            limits,
            log,
            memory_bytes: 0,
            table_elements: 0,
            denied: None,
            last_error: None,
        }
    }

    pub(super) fn begin_call(&mut self) {
        self.denied = None;
        self.last_error = None;
    }

    /// The limit that the call ran into, for a message.
    pub(super) fn denied(&self) -> Option<String> {
        let limit = self.denied?;
        let value = match limit {
            "memory_max_bytes" => self.limits.memory_max_bytes,
            _ => self.limits.table_elements_max,
        };
        Some(format!("{limit} = {value}"))
    }

    pub(super) fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }
}

impl ResourceLimiter for Guard {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self
            .memory_bytes
            .saturating_sub(current)
            .saturating_add(desired);
        if total > self.limits.memory_max_bytes {
            self.denied = Some("memory_max_bytes");
            return Ok(false);
        }
        self.memory_bytes = total;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self
            .table_elements
            .saturating_sub(current)
            .saturating_add(desired);
        if total > self.limits.table_elements_max {
            self.denied = Some("table_elements_max");
            return Ok(false);
        }
        self.table_elements = total;
        Ok(true)
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

impl types::Host for Guard {}

impl log::Host for Guard {
    fn write(&mut self, level: log::Level, message: String) {
        let message = cut(&message, MESSAGE_MAX_BYTES);
        self.log.write(level, &message);
        if level == log::Level::Error {
            self.last_error = Some(message);
        }
    }
}
