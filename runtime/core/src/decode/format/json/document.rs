//! A record's value or key as a JSON document with reads in it.

use serde::de::DeserializeSeed;

use super::exact::ExactReader;
use super::place::{Place, Walk};
use super::skip::{DEPTH_MAX, DocumentGuard, TOO_DEEP};
use super::validate::check_depth;
use crate::decode::format::{malformed, utf8};
use crate::decode::path::Part;
use crate::decode::slot::{RecordFault, Row};
use crate::decode::trie::{Node, Trie};

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
        // RFC 8259 lets a reader ignore a byte order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let has_raw = self.trie.has_raw;
        let (mut walk, root) = self.begin(row, DocumentGuard::default());
        let mut run = || {
            if has_raw {
                check_depth(text)?;
            }
            let mut deserializer = sonic_rs::Deserializer::from_str(text);
            Place::new(&mut walk, root)
                .deserialize(&mut deserializer)
                .map_err(|e| e.to_string())?;
            deserializer.end().map_err(|e| e.to_string())
        };
        match run() {
            Ok(()) => Ok(()),
            Err(_) => self.walk_exactly(text, row),
        }
    }

    /// Reads what the fast walk gave up, from the start.
    #[cold]
    fn walk_exactly<'r>(&mut self, text: &'r str, row: &mut Row<'r>) -> Result<(), RecordFault> {
        self.trie.forget(row);
        let part = self.part.name();
        let (mut walk, root) = self.begin(row, DocumentGuard::exact());
        let mut reader = ExactReader::new(text);
        let walked = Place::new(&mut walk, root).deserialize(&mut reader);
        walked.and_then(|()| reader.end()).map_err(|error| {
            malformed(match error.0 == TOO_DEEP {
                true => {
                    format!("{part} has more than {DEPTH_MAX} objects and arrays in one another")
                }
                false => format!("{part} is not valid JSON at byte {}: {error}", reader.at()),
            })
        })
    }

    fn begin<'w, 'r>(
        &'w mut self,
        row: &'w mut Row<'r>,
        guard: DocumentGuard,
    ) -> (Walk<'w, 'r>, &'w Node) {
        self.documents += 1;
        let nodes = &self.trie.nodes;
        let walk = Walk {
            nodes,
            row,
            seen: &mut self.seen,
            document: self.documents,
            guard,
        };
        (walk, &nodes[0])
    }
}
