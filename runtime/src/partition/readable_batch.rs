//! The part of the open batch whose schemas are known.

use std::sync::Arc;
use std::time::Duration;

use gristmill_core::chain::Computed;
use gristmill_core::decode::{FoundSchema, Unreadiness, WantedSchema};
use gristmill_core::record::Records;
use tokio::time::Instant;

use crate::partition::ended::Ended;
use crate::partition::schema_fetch::{Found, SchemaFetch};
use crate::partition::worker::Worker;

/// How long after a question an id that stayed unknown is asked for again, while records name it.
const ASK_AGAIN: Duration = Duration::from_secs(30);

/// The code of dead letters whose schema nobody knows.
const UNKNOWN_SCHEMA: &str = "unknown-schema";

impl Worker {
    /// Takes the records of the next batch that can be computed. `None`: none can, as their schemas
    /// are on their way. What cannot goes back to the open batch.
    pub(super) fn readable(&mut self) -> Option<Records> {
        let records = self.open.take(self.counted_below);
        let Some(unready) = self.chain.look(&records) else {
            return Some(records);
        };
        let (at, end) = (unready.records.min(records.len()), records.len());
        match unready.because {
            // The chain halts at it by itself.
            Unreadiness::Mismatch(_) if at == 0 => return Some(records),
            Unreadiness::Mismatch(_) => {}
            Unreadiness::Missing(wanted) => self.fetch_schemas(wanted),
        }
        if at == 0 {
            self.open.give_back(records);
            return None;
        }
        self.open.give_back(records.select(at..end));
        Some(records.select(0..at))
    }

    fn fetch_schemas(&mut self, wanted: Vec<WantedSchema>) {
        self.fetch = Some(SchemaFetch::begin(
            Arc::clone(&self.pipeline),
            Arc::clone(&self.revision),
            self.partition.clone(),
            wanted,
        ));
    }

    /// Schemas are there, or it is certain that they are not to be had.
    pub(super) fn schemas_found(&mut self, found: Found) -> Result<(), Ended> {
        self.fetch = None;
        let found = found?;
        let unknown = &mut self.unknown_schemas;
        for (wanted, schema) in &found.schemas {
            unknown.wanted.retain(|known| known != wanted);
            if let FoundSchema::Unknown(_) = schema {
                unknown.wanted.push(*wanted);
                unknown.asked = Some(Instant::now());
            }
        }
        found.teach(&mut self.chain);
        Ok(())
    }

    /// Asks for schemas again that were unknown, where a batch has records that name them.
    pub(super) fn ask_again(&mut self, computed: &Computed) {
        let unknown = &self.unknown_schemas;
        let is_due = unknown
            .asked
            .is_some_and(|asked| asked.elapsed() >= ASK_AGAIN);
        let letters = &computed.dead_letters;
        if is_due && self.fetch.is_none() && letters.iter().any(|l| l.code == UNKNOWN_SCHEMA) {
            let wanted = std::mem::take(&mut self.unknown_schemas.wanted);
            self.fetch_schemas(wanted);
        }
    }
}
