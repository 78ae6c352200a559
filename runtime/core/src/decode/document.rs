//! A record's value or key as a JSON document with reads in it.

use serde::de::DeserializeSeed;

use super::path::Part;
use super::raw::check_depth;
use super::skip::{Guard, diagnose};
use super::slot::{Fault, Row};
use super::trie::Trie;
use super::walk::{At, Walk};

#[derive(Debug)]
pub(super) struct Document {
    part: Part,
    trie: Trie,
    /// By node of the trie: the last document in which it was met.
    seen: Vec<u64>,
    /// Documents so far.
    documents: u64,
}

impl Document {
    pub(super) fn new(part: Part, trie: Trie) -> Self {
        Self {
            part,
            seen: vec![0; trie.nodes.len()],
            trie,
            documents: 0,
        }
    }

    /// Validates the whole of `bytes` and fills the slots of the reads.
    pub(super) fn walk<'r>(&mut self, bytes: &'r [u8], row: &mut Row<'r>) -> Result<(), Fault> {
        let text = utf8(self.part.name(), bytes)?;
        self.documents += 1;
        let mut walk = Walk {
            nodes: &self.trie.nodes,
            row,
            seen: &mut self.seen,
            document: self.documents,
            guard: Guard::default(),
        };
        let mut run = || {
            if self.trie.has_raw {
                check_depth(text)?;
            }
            let mut deserializer = sonic_rs::Deserializer::from_str(text);
            At::new(&mut walk, &self.trie.nodes[0]).deserialize(&mut deserializer)?;
            deserializer.end()
        };
        run().map_err(|error| malformed(diagnose(self.part.name(), text, &error)))
    }
}

/// `bytes` as text; `what` is for the message.
pub(super) fn utf8<'r>(what: &str, bytes: &'r [u8]) -> Result<&'r str, Fault> {
    std::str::from_utf8(bytes)
        .map_err(|e| malformed(format!("{what} is not UTF-8 at byte {}", e.valid_up_to())))
}

fn malformed(message: String) -> Fault {
    Fault {
        code: "malformed",
        message,
    }
}
