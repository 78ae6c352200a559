//! How this machine is called in what gristmill stores.

use gristmill_kafka::source::membership;

/// This machine's name.
pub fn host_name() -> String {
    membership::host_name().unwrap_or_else(|| "unknown-host".to_owned())
}
