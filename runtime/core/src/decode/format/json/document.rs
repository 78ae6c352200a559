//! A record's value or key as a JSON document with reads in it.

use std::sync::Arc;

use serde::de::DeserializeSeed;

use super::connect_schema::formed;
use super::cursor::Refused;
use super::depth::Depth;
use super::exact::{ExactReader, NoJson};
use super::fast::FastReader;
use super::known_schemas::KnownSchemas;
use super::place::{Place, Walk};
use super::wrapper::{self, Wrapper, payload_behind};
use crate::column::LogicalType;
use crate::decode::form::{Form, JsonForms};
use crate::decode::format::{malformed, utf8};
use crate::decode::leaf::{FromText, Leaf};
use crate::decode::path::Part;
use crate::decode::scratch::Scratch;
use crate::decode::shape::is_uuid;
use crate::decode::slot::{RecordFault, Row, Slot, Unread};
use crate::decode::trie::{Node, Trie};
use crate::decode::unavailable::Placeholder;
use crate::record::Value;

/// The reads of one part of a record, and what a walk over it needs.
#[derive(Debug)]
pub(crate) struct Document {
    part: Part,
    trie: Trie,
    /// Whether the document may lie in a wrapper that no path names.
    may_be_wrapped: bool,
    /// The last document in which each node of the trie was met.
    seen: Vec<u64>,
    /// For each node of the trie which of its children was met first in the last document that had
    /// it, and which of its parent's children behind it: producers seldom change the order.
    followed: Vec<u32>,
    /// Documents so far.
    documents: u64,
    /// Kept from document to document: a text that has escapes.
    room: String,
    known: KnownSchemas,
}

/// In which forms a walk finds the values.
#[derive(Clone, Copy)]
enum Forms {
    /// Those that the pipeline says.
    Said,
    /// Those of the first schema that is known.
    Known,
}

impl Document {
    pub(crate) fn new(part: Part, trie: Trie) -> Self {
        Self {
            part,
            may_be_wrapped: trie.has_none_of(&[wrapper::SCHEMA, wrapper::PAYLOAD]),
            seen: vec![0; trie.nodes.len()],
            followed: vec![0; 2 * trie.nodes.len()],
            trie,
            documents: 0,
            room: String::new(),
            known: KnownSchemas::default(),
        }
    }

    /// Takes what is said of the forms that no schema tells.
    pub(crate) fn take_forms(&mut self, forms: JsonForms) {
        self.trie.take_forms(forms);
        self.known.clear();
    }

    /// Makes reads right below the object at `path` null where it does not have them, but those
    /// called as one of `except`.
    pub(crate) fn null_where_missing(&mut self, path: &[String], except: &[String]) {
        self.trie.null_where_missing(path, except);
        self.known.clear();
    }

    /// Validates the whole of `bytes` and fills the slots of the reads.
    pub(crate) fn walk<'r>(
        &mut self,
        bytes: &'r [u8],
        placeholder: &Placeholder,
        row: &mut Row<'r>,
    ) -> Result<(), RecordFault> {
        let known = self.known.payload(bytes);
        if let Some(payload) = known.and_then(|p| simdutf8::basic::from_utf8(p).ok())
            && self.payload(payload, placeholder, row)
        {
            return Ok(());
        }
        let text = utf8(self.part.name(), bytes)?;
        // RFC 8259 lets a reader ignore a byte order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if self.may_be_wrapped && wrapper::begins(text) && self.unwrap(text, placeholder, row)? {
            return Ok(());
        }
        match self.walk_fast((text, Depth::default()), placeholder, row, Forms::Said) {
            Ok(()) => Ok(()),
            Err(Refused) => self.walk_exactly(text, placeholder, row),
        }
    }

    /// As [`Document::walk`], of a value that may be in two pieces.
    #[inline]
    pub(crate) fn walk_value<'r>(
        &mut self,
        value: Value<'r>,
        placeholder: &Placeholder,
        row: &mut Row<'r>,
    ) -> Result<(), Unread> {
        let Some(head) = value.head() else {
            return Ok(self.walk(value.rest(), placeholder, row)?);
        };
        let payload = match self.knows(head) {
            true => payload_behind(value.rest()),
            false => None,
        };
        match payload.and_then(|p| simdutf8::basic::from_utf8(p).ok()) {
            Some(payload) if self.payload(payload, placeholder, row) => Ok(()),
            _ => Err(Unread::InPieces),
        }
    }

    /// Makes the schema in the head of a wrapper the first that is known. `false`: it must be read
    /// with all of the value.
    fn knows(&mut self, head: &Arc<[u8]>) -> bool {
        self.may_be_wrapped && (self.known.find(head) || self.learn(head))
    }

    #[cold]
    fn learn(&mut self, head: &Arc<[u8]>) -> bool {
        let wrapped_null = [head, &b"null}"[..]].concat();
        let text = std::str::from_utf8(&wrapped_null).ok();
        let formed = text
            .and_then(Wrapper::of)
            .and_then(|wrapper| formed(&self.trie, wrapper.schema).ok());
        let is_read = formed.is_some();
        if let Some(formed) = formed {
            self.known.learn(Some(Arc::clone(head)), formed);
        }
        is_read
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
                match leaf.of_text(text, row.room()) {
                    FromText::Slot(slot) => row.slots[leaf.slot] = slot,
                    _ => row.slots[leaf.slot] = Slot::Text(text),
                }
            }
            Some(_) if self.walk(bytes, placeholder, row).is_err() => self.trie.forget(row),
            _ => {}
        }
        Ok(())
    }

    /// Reads what the fast walk gave up, from the start.
    #[cold]
    fn walk_exactly<'r>(
        &mut self,
        text: &'r str,
        placeholder: &Placeholder,
        row: &mut Row<'r>,
    ) -> Result<(), RecordFault> {
        let part = self.part.name();
        let walked = self.walk_slowly((text, Depth::default()), placeholder, row, Forms::Said);
        walked.map_err(|(error, at)| {
            malformed(match error {
                NoJson::TooDeep => format!("{part} has {error}"),
                NoJson::Because(why) => format!("{part} is not valid JSON at byte {at}: {why}"),
            })
        })
    }

    /// As [`Document::walk_fast`], with what the fast reader cannot tell. The error is with the
    /// byte that it is about.
    fn walk_slowly<'r>(
        &mut self,
        (text, depth): (&'r str, Depth),
        placeholder: &Placeholder,
        row: &mut Row<'r>,
        forms: Forms,
    ) -> Result<(), (NoJson, usize)> {
        self.trie.forget(row);
        let (mut walk, root) = self.begin(row, placeholder, forms);
        walk.is_exact = true;
        let mut reader = ExactReader::new(text, depth);
        let walked = Place::new(&mut walk, root).deserialize(&mut reader);
        let walked = walked.and_then(|()| reader.end());
        walked.map_err(|error| (error, reader.at()))
    }

    /// Reads the payload of a wrapper. `false` where there is none, or where it is not JSON: the
    /// row is as before then.
    fn unwrap<'r>(
        &mut self,
        text: &'r str,
        placeholder: &Placeholder,
        row: &mut Row<'r>,
    ) -> Result<bool, RecordFault> {
        let Some(wrapper) = Wrapper::of(text) else {
            return Ok(false);
        };
        let head = wrapper.ends.then(|| text.as_bytes()[..wrapper.head].into());
        let formed = formed(&self.trie, wrapper.schema).map_err(|error| {
            let part = self.part.name();
            malformed(format!(
                "the schema of the {part} is none of Connect's: {error}"
            ))
        })?;
        self.known.learn(head, formed);
        Ok(self.payload(wrapper.payload, placeholder, row))
    }

    /// Reads a payload by the first schema that is known. `false` where it is not JSON: the row is
    /// as before then.
    fn payload<'r>(
        &mut self,
        payload: &'r str,
        placeholder: &Placeholder,
        row: &mut Row<'r>,
    ) -> bool {
        let inside = (payload, Depth::INSIDE);
        if self
            .walk_fast(inside, placeholder, row, Forms::Known)
            .is_ok()
        {
            return true;
        }
        let is_read = self
            .walk_slowly(inside, placeholder, row, Forms::Known)
            .is_ok();
        if !is_read {
            self.trie.forget(row);
        }
        is_read
    }

    /// Validates the whole of `text`, which lies in a document as deep as it says, and fills the
    /// slots of the reads.
    #[inline]
    fn walk_fast<'r>(
        &mut self,
        (text, depth): (&'r str, Depth),
        placeholder: &Placeholder,
        row: &mut Row<'r>,
        forms: Forms,
    ) -> Result<(), Refused> {
        let mut room = std::mem::take(&mut self.room);
        let (mut walk, root) = self.begin(row, placeholder, forms);
        let mut reader = FastReader::new(text, depth, &mut room);
        let walked = Place::new(&mut walk, root).deserialize(&mut reader);
        let walked = walked.and_then(|()| reader.end());
        self.room = room;
        walked
    }

    fn begin<'w, 'r>(
        &'w mut self,
        row: &'w mut Row<'r>,
        placeholder: &'w Placeholder,
        forms: Forms,
    ) -> (Walk<'w, 'r>, &'w Node) {
        self.documents += 1;
        let trie = match forms {
            Forms::Said => &self.trie,
            Forms::Known => self.known.first(),
        };
        let walk = Walk {
            nodes: &trie.nodes,
            row,
            seen: &mut self.seen,
            followed: &mut self.followed,
            document: self.documents,
            is_exact: false,
            placeholder,
            is_lenient: self.part == Part::Key,
        };
        (walk, &trie.nodes[0])
    }
}

/// Whether `text` is a value of the leaf as it stands, without quotation marks.
fn is_plain(leaf: Leaf, text: &str) -> bool {
    let is_of_type = match leaf.logical_type {
        LogicalType::Text => text != "null",
        LogicalType::Uuid => is_uuid(text),
        // A number is read as one.
        _ => matches!(leaf.form, Form::Counted(_)) && is_time(leaf, text),
    };
    is_of_type && !text.contains('\0')
}

fn is_time(leaf: Leaf, text: &str) -> bool {
    let room = Scratch {
        text: &mut String::new(),
        bytes: &mut Vec::new(),
    };
    leaf.of_text(text, room) != FromText::Nothing
}
