//! States and times of a status, in words.

use crate::ops::status::RunState;

/// A state as a table has it.
pub(super) fn state(state: RunState) -> &'static str {
    match state {
        RunState::Running => "running",
        RunState::Waiting => "waiting",
        RunState::Paused => "paused",
        RunState::NotRunning => "stopped",
        RunState::Halted => "halted",
    }
}

/// Seconds in the largest unit that keeps two digits.
pub(super) fn duration(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}
