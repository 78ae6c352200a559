//! How long a test waits, and how long it keeps something up.

use std::time::Duration;

/// The longest wait for something that takes milliseconds on a quiet machine, such as a halt, a
/// relay, an exit, or a host that hears of a change. A machine whose cores are all compiling is
/// slow.
pub const SOON: Duration = Duration::from_secs(60);

/// The variable that makes the long tests longer, in seconds.
const SOAK: &str = "GRISTMILL_SOAK_SECONDS";
/// Enough for each kind of disturbance to happen once; `make soak` asks for more.
const SOAK_DEFAULT_SECONDS: u64 = 25;

/// How long a test that changes rules again and again keeps doing so: `GRISTMILL_SOAK_SECONDS`.
///
/// # Panics
///
/// When the variable is not a number: a soak that silently lasts 25 seconds is none.
pub fn soak_time() -> Duration {
    let seconds = std::env::var(SOAK).map_or(SOAK_DEFAULT_SECONDS, |text| {
        text.parse()
            .expect("GRISTMILL_SOAK_SECONDS is a number of seconds")
    });
    Duration::from_secs(seconds)
}
