//! The shipped pipeline and its traffic, without servers.

use std::path::Path;

use gristmill::definition::file::{self, Config};
use gristmill::definition::pipeline::Pipeline;
use gristmill::demo::generate::{Events, Recipe};
use gristmill_core::record::Records;
use gristmill_postgres::wire::connection::Database;
use gristmill_sandbox::Sandbox;

/// The present of every batch: after all events.
pub(crate) const NOW_US: i64 = 1_800_000_000_000_000;

/// `pipelines/users.toml`.
pub(crate) fn config() -> Config {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    file::load(&folder.join("../pipelines/users.toml")).unwrap()
}

/// Loads it. No server is asked: its dimension is a file.
pub(crate) fn pipeline(config: Config, sandbox: &Sandbox) -> Pipeline {
    let database = Database::new("postgres://localhost/nobody", "gristmill/bench").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime
        .block_on(Pipeline::load(config, sandbox, &database))
        .unwrap()
}

/// The records of one partition: a tenth of the events late, one in a thousand unusable.
pub(crate) struct Traffic {
    events: Events,
    offset: i64,
}

impl Traffic {
    /// Events about `keys` users.
    pub(crate) fn new(keys: u32) -> Self {
        let events = Events::new(Recipe {
            events: u64::MAX,
            keys,
            seed: 1,
            late_percent: 10.0,
            bad_percent: 0.1,
        });
        Self { events, offset: 0 }
    }

    /// The next `rows` records.
    pub(crate) fn records(&mut self, rows: usize) -> Records {
        let mut records = Records::default();
        for event in self.events.by_ref().take(rows) {
            let (key, value) = (Some(&*event.key), Some(&*event.value));
            records.push(self.offset, None, key, value, std::iter::empty());
            self.offset += 1;
        }
        records
    }
}

/// Whether this is a measurement, and not a test that only wants to see it run.
pub(crate) fn is_measured() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

/// The value below which `percent` of the values lie.
pub(crate) fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[(values.len() - 1) * percent / 100]
}
