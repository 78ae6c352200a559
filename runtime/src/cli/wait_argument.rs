//! How long a change waits for the fleet.

use std::time::Duration;

use crate::fleet::stage::PATIENCE;

#[derive(clap::Args)]
pub(super) struct WaitArgument {
    /// How long the hosts may take to load it: one that has not answered by then ends the change
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = PATIENCE.as_secs(),
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    wait: u64,
}

impl WaitArgument {
    pub(super) fn patience(&self) -> Duration {
        Duration::from_secs(self.wait)
    }
}
