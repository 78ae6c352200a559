//! How a call that does not end is stopped.

/// How often the clock of the fast engine ticks. 10 ms: a fifth of the shortest deadline by
/// default, and 100 wake-ups a second cost nothing that can be measured.
pub(crate) const TICK_MS: u64 = 10;

/// What stops a call that does not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meter {
    /// A wall-clock deadline: cheap, and unfair to a process that gets no CPU. Detects.
    Clock,
    /// Fuel: the same on every machine. Convicts.
    Fuel,
}
