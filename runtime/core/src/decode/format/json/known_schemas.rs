//! The schemas that documents came with, each with the reads in the forms that it says.

use std::sync::Arc;

use super::wrapper::payload_behind;
use crate::decode::trie::Trie;

/// How many are kept. A topic has one, two while it changes, and as many as tables where it carries
/// several.
const SCHEMAS_MAX: usize = 256;

/// The longest head that is kept, in bytes. A table of 1,600 columns has one of 300 KB.
const HEAD_MAX_BYTES: usize = 512 << 10;

/// So much is kept of all heads, in bytes.
const HEADS_MAX_BYTES: usize = 4 << 20;

/// The schemas of the last documents; the newest is the first.
#[derive(Debug, Default)]
pub(super) struct KnownSchemas(Vec<Known>);

/// What is known of the documents that begin alike.
#[derive(Debug)]
struct Known {
    /// The wrapper up to its payload; empty where something follows the payload, or it is too long.
    head: Arc<[u8]>,
    trie: Trie,
}

/// Whether a document begins with a head that is not empty.
#[inline]
pub(super) fn begins(document: &[u8], head: &[u8]) -> bool {
    const END_BYTES: usize = 8;
    let from = head.len().saturating_sub(END_BYTES);
    // Where a head of another length ends stands something else: so a look tells most apart.
    let ends_alike = document.get(from..head.len()) == Some(&head[from..]);
    ends_alike && !head.is_empty() && document.starts_with(head)
}

impl KnownSchemas {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Keeps the reads of documents that begin with `head`, as the first; for one document alone
    /// where there is none.
    pub(super) fn learn(&mut self, head: Option<Arc<[u8]>>, trie: Trie) {
        let head = head.filter(|head| head.len() <= HEAD_MAX_BYTES);
        // What has no head is never found again.
        self.0.retain(|known| !known.head.is_empty());
        let mut bytes: usize = self.0.iter().map(|known| known.head.len()).sum();
        while self.0.len() >= SCHEMAS_MAX || bytes > HEADS_MAX_BYTES - HEAD_MAX_BYTES {
            bytes -= self.0.pop().map_or(bytes, |known| known.head.len());
        }
        let head = head.unwrap_or_default();
        self.0.insert(0, Known { head, trie });
    }

    /// Makes the schema in `head` the first, if it is known.
    #[inline]
    pub(super) fn find(&mut self, head: &Arc<[u8]>) -> bool {
        let is_same = |known: &Known| Arc::ptr_eq(&known.head, head) || known.head == *head;
        let found = self.0.iter().position(is_same);
        if let Some(at) = found {
            self.0.swap(0, at);
        }
        found.is_some()
    }

    /// The payload of a document whose schema is known, which is the first then. Whether it is
    /// JSON, or text, is not known.
    #[inline]
    pub(super) fn payload<'r>(&mut self, document: &'r [u8]) -> Option<&'r [u8]> {
        let mut known = self.0.iter();
        let at = known.position(|known| begins(document, &known.head))?;
        self.0.swap(0, at);
        payload_behind(&document[self.0[0].head.len()..])
    }

    /// The reads by the first, which is there.
    #[inline]
    pub(super) fn first(&self) -> &Trie {
        &self.0[0].trie
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(i: usize, bytes: usize) -> Arc<[u8]> {
        let pad = " ".repeat(bytes);
        format!(r#"{{"schema":"{i:0>4}{pad}","payload":"#)
            .into_bytes()
            .into()
    }

    fn is_known(schemas: &mut KnownSchemas, head: &[u8]) -> bool {
        let document = [head, b"{}}"].concat();
        let is_found = schemas.find(&head.into());
        assert_eq!(schemas.payload(&document).is_some(), is_found);
        schemas.payload(&document) == Some(b"{}")
    }

    #[test]
    fn many_schemas_are_known_and_not_more_than_fit() {
        let mut schemas = KnownSchemas::default();
        for i in 0..SCHEMAS_MAX {
            // Some of one length, some of others.
            schemas.learn(Some(head(i, i % 50)), Trie::new("value"));
        }
        for i in 0..SCHEMAS_MAX {
            assert!(is_known(&mut schemas, &head(i, i % 50)), "{i}");
        }
        schemas.learn(Some(head(SCHEMAS_MAX, 0)), Trie::new("value"));
        assert!(is_known(&mut schemas, &head(SCHEMAS_MAX, 0)));
        assert_eq!(schemas.0.len(), SCHEMAS_MAX);
        assert!(!is_known(&mut schemas, &head(SCHEMAS_MAX + 1, 0)));

        schemas.learn(None, Trie::new("value"));
        schemas.learn(Some(head(0, HEAD_MAX_BYTES)), Trie::new("value"));
        assert!(!is_known(&mut schemas, &head(0, HEAD_MAX_BYTES)));
        for i in 0..20 {
            schemas.learn(Some(head(i, HEAD_MAX_BYTES - 100)), Trie::new("value"));
        }
        let bytes: usize = schemas.0.iter().map(|known| known.head.len()).sum();
        assert!(bytes <= HEADS_MAX_BYTES);
        assert!(is_known(&mut schemas, &head(19, HEAD_MAX_BYTES - 100)));
    }
}
