//! A record's value or key as a JSON document with reads in it.

use serde::de::DeserializeSeed;

use super::exact::ExactReader;
use super::place::{Place, Walk};
use super::skip::{DEPTH_MAX, DocumentGuard, TOO_DEEP};
use super::validate::check_depth;
use super::wrapper::{self, Wrapper};
use crate::column::LogicalType;
use crate::decode::format::{malformed, utf8};
use crate::decode::path::Part;
use crate::decode::shape::is_uuid;
use crate::decode::slot::{RecordFault, Row, Slot};
use crate::decode::trie::{Leaf, Node, Trie};
use crate::decode::unavailable::Placeholder;

/// The reads of one part of a record, and what a walk over it needs.
#[derive(Debug)]
pub(crate) struct Document {
    part: Part,
    trie: Trie,
    /// Whether the document may lie in a wrapper that no path names.
    may_be_wrapped: bool,
    /// The last document in which each node of the trie was met.
    seen: Vec<u64>,
    /// Documents so far.
    documents: u64,
}

/// The reader of a walk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    Fast,
    Exact,
}

impl Document {
    pub(crate) fn new(part: Part, trie: Trie) -> Self {
        Self {
            part,
            may_be_wrapped: trie.has_none_of(&[wrapper::SCHEMA, wrapper::PAYLOAD]),
            seen: vec![0; trie.nodes.len()],
            trie,
            documents: 0,
        }
    }

    /// Makes reads right below the object at `path` null where it does not have them, but those
    /// called as one of `except`.
    pub(crate) fn null_where_missing(&mut self, path: &[String], except: &[String]) {
        let slots = |trie: &Trie, node: &Node| -> Vec<usize> {
            let named = node
                .children
                .iter()
                .filter(|(name, _)| !except.contains(name));
            let leaves = named.filter_map(|(_, child)| trie.nodes[*child].leaf);
            leaves.map(|leaf| leaf.slot).collect()
        };
        if let Some(at) = self.trie.find(path) {
            let missing = slots(&self.trie, &self.trie.nodes[at]);
            self.trie.nodes[at].null_where_missing = missing;
        }
    }

    /// Validates the whole of `bytes` and fills the slots of the reads.
    pub(crate) fn walk<'r>(
        &mut self,
        bytes: &'r [u8],
        placeholder: &Placeholder,
        row: &mut Row<'r>,
    ) -> Result<(), RecordFault> {
        let text = utf8(self.part.name(), bytes)?;
        // RFC 8259 lets a reader ignore a byte order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if self.may_be_wrapped && wrapper::begins(text) && self.unwrap(text, placeholder, row) {
            return Ok(());
        }
        match self.run(text, placeholder, row) {
            Ok(()) => Ok(()),
            Err(_) => self.walk_exactly(text, placeholder, row),
        }
    }

    /// As [`Document::walk`]. A key that is read by name need not be an object: producers write
    /// bare numbers and texts, and bytes.
    pub(crate) fn walk_key<'r>(
        &mut self,
        bytes: &'r [u8],
        placeholder: &Placeholder,
        row: &mut Row<'r>,
    ) -> Result<(), RecordFault> {
        let is_object = bytes.trim_ascii_start().starts_with(b"{");
        if is_object || bytes.starts_with(b"\xef\xbb\xbf") || self.trie.nodes[0].leaf.is_some() {
            return self.walk(bytes, placeholder, row);
        }
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Ok(());
        };
        let leaf = self
            .trie
            .bare_leaf()
            .filter(|_| self.trie.nodes[0].may_be_bare);
        match leaf {
            Some(leaf) if !text.starts_with('"') && is_plain(leaf, text) => {
                row.slots[leaf.slot] = Slot::Text(text);
            }
            Some(_) if self.walk(bytes, placeholder, row).is_err() => self.trie.forget(row),
            _ => {}
        }
        Ok(())
    }

    fn run<'r>(
        &mut self,
        text: &'r str,
        placeholder: &Placeholder,
        row: &mut Row<'r>,
    ) -> Result<(), String> {
        if self.trie.has_raw {
            check_depth(text)?;
        }
        let (mut walk, root) = self.begin(row, placeholder, Reader::Fast);
        let mut deserializer = sonic_rs::Deserializer::from_str(text);
        Place::new(&mut walk, root)
            .deserialize(&mut deserializer)
            .map_err(|e| e.to_string())?;
        deserializer.end().map_err(|e| e.to_string())
    }

    /// Reads what the fast walk gave up, from the start.
    #[cold]
    fn walk_exactly<'r>(
        &mut self,
        text: &'r str,
        placeholder: &Placeholder,
        row: &mut Row<'r>,
    ) -> Result<(), RecordFault> {
        self.trie.forget(row);
        let part = self.part.name();
        let (mut walk, root) = self.begin(row, placeholder, Reader::Exact);
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

    /// Reads the payload of a wrapper. `false` where there is none, or where it is not JSON: the
    /// row is as before then.
    fn unwrap<'r>(&mut self, text: &'r str, placeholder: &Placeholder, row: &mut Row<'r>) -> bool {
        // Some pieces are found by a search that knows no limit of depth.
        let readers = match self.trie.has_raw && check_depth(text).is_err() {
            true => &[Reader::Exact][..],
            false => &[Reader::Fast, Reader::Exact],
        };
        readers.iter().any(|&reader| {
            let (mut walk, root) = self.begin(row, placeholder, reader);
            let wrapper = Wrapper {
                walk: &mut walk,
                root,
            };
            let is_read = match reader {
                Reader::Fast => {
                    let mut reader = sonic_rs::Deserializer::from_str(text);
                    wrapper.deserialize(&mut reader).is_ok() && reader.end().is_ok()
                }
                Reader::Exact => {
                    let mut reader = ExactReader::new(text);
                    wrapper.deserialize(&mut reader).is_ok() && reader.end().is_ok()
                }
            };
            if !is_read {
                self.trie.forget(row);
            }
            is_read
        })
    }

    fn begin<'w, 'r>(
        &'w mut self,
        row: &'w mut Row<'r>,
        placeholder: &'w Placeholder,
        reader: Reader,
    ) -> (Walk<'w, 'r>, &'w Node) {
        self.documents += 1;
        let nodes = &self.trie.nodes;
        let walk = Walk {
            nodes,
            row,
            seen: &mut self.seen,
            document: self.documents,
            guard: match reader {
                Reader::Fast => DocumentGuard::default(),
                Reader::Exact => DocumentGuard::exact(),
            },
            placeholder,
            is_lenient: self.part == Part::Key,
        };
        (walk, &nodes[0])
    }
}

/// Whether `text` is a value of the leaf as it stands, without quotation marks.
fn is_plain(leaf: Leaf, text: &str) -> bool {
    let is_of_type = match leaf.logical_type {
        LogicalType::Text => text != "null",
        LogicalType::Uuid => is_uuid(text),
        _ => false,
    };
    is_of_type && !text.contains('\0')
}
