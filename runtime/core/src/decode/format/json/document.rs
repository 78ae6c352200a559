//! A record's value or key as a JSON document with reads in it.

use serde::de::DeserializeSeed;

use super::place::{Place, Walk};
use super::skip::{DocumentGuard, check_depth, diagnose};
use crate::decode::format::{malformed, utf8};
use crate::decode::path::Part;
use crate::decode::slot::{RecordFault, Row};
use crate::decode::trie::Trie;

/// The reads of one part of a record, and what a walk over it needs.
#[derive(Debug)]
pub(crate) struct Document {
    part: Part,
    trie: Trie,
    /// The last document in which each node of the trie was met.
    seen: Vec<u64>,
    /// Documents so far.
    documents: u64,
}

impl Document {
    pub(crate) fn new(part: Part, trie: Trie) -> Self {
        Self {
            part,
            seen: vec![0; trie.nodes.len()],
            trie,
            documents: 0,
        }
    }

    /// Validates the whole of `bytes` and fills the slots of the reads.
    pub(crate) fn walk<'r>(
        &mut self,
        bytes: &'r [u8],
        row: &mut Row<'r>,
    ) -> Result<(), RecordFault> {
        let text = utf8(self.part.name(), bytes)?;
        self.documents += 1;
        let mut walk = Walk {
            nodes: &self.trie.nodes,
            row,
            seen: &mut self.seen,
            document: self.documents,
            guard: DocumentGuard::default(),
        };
        let mut run = || {
            if self.trie.has_raw {
                check_depth(text)?;
            }
            let mut deserializer = sonic_rs::Deserializer::from_str(text);
            Place::new(&mut walk, &self.trie.nodes[0]).deserialize(&mut deserializer)?;
            deserializer.end()
        };
        run().map_err(|error| malformed(diagnose(self.part.name(), text, &error)))
    }
}
