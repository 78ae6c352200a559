//! Schemas that the registry does not know, though records name them.

use gristmill_core::decode::WantedSchema;
use tokio::time::Instant;

/// Those of a worker's batches, and when they were asked for last.
#[derive(Default)]
pub(super) struct UnknownSchemas {
    pub(super) wanted: Vec<WantedSchema>,
    pub(super) asked: Option<Instant>,
}
