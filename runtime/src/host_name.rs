//! How this machine, and this process on it, are called in what gristmill stores.

use gristmill_kafka::source::membership;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// This machine's name.
pub fn host_name() -> String {
    membership::host_name().unwrap_or_else(|| "unknown-host".to_owned())
}

/// This process: `host/pid-random`. Random, as two containers may have one host name, and each has
/// a process 1.
pub fn process_name() -> String {
    let (host, pid) = (host_name(), std::process::id());
    let random: u32 = SmallRng::from_os_rng().random();
    format!("{host}/{pid}-{random:08x}")
}
