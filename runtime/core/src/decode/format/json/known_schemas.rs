//! The schemas that documents came with, each with the reads in the forms that it says.

use super::wrapper::behind_head;
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
    head: Box<str>,
    trie: Trie,
}

impl Known {
    #[inline]
    fn begins(&self, document: &[u8]) -> bool {
        const END_BYTES: usize = 8;
        let head = self.head.as_bytes();
        let from = head.len().saturating_sub(END_BYTES);
        // Where a head of another length ends stands something else: so a look tells most apart.
        let ends_alike = document.get(from..head.len()) == Some(&head[from..]);
        ends_alike && !head.is_empty() && document.starts_with(head)
    }
}

impl KnownSchemas {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Keeps the reads of documents that begin with `head`, as the first; for one document alone
    /// where there is none.
    pub(super) fn learn(&mut self, head: Option<&str>, trie: Trie) {
        let head = head.filter(|head| head.len() <= HEAD_MAX_BYTES);
        // What has no head is never found again.
        self.0.retain(|known| !known.head.is_empty());
        let mut bytes: usize = self.0.iter().map(|known| known.head.len()).sum();
        while self.0.len() >= SCHEMAS_MAX || bytes > HEADS_MAX_BYTES - HEAD_MAX_BYTES {
            bytes -= self.0.pop().map_or(bytes, |known| known.head.len());
        }
        let head = head.unwrap_or_default().into();
        self.0.insert(0, Known { head, trie });
    }

    /// The payload of a document whose schema is known, which is the first then. Whether it is
    /// JSON, or text, is not known.
    #[inline]
    pub(super) fn payload<'r>(&mut self, document: &'r [u8]) -> Option<&'r [u8]> {
        let at = self.0.iter().position(|known| known.begins(document))?;
        self.0.swap(0, at);
        behind_head(document, &self.0[0].head)
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

    fn head(i: usize, bytes: usize) -> String {
        let pad = " ".repeat(bytes);
        format!(r#"{{"schema":"{i:0>4}{pad}","payload":"#)
    }

    fn is_known(schemas: &mut KnownSchemas, head: &str) -> bool {
        let document = format!("{head}{{}}}}");
        schemas.payload(document.as_bytes()) == Some(b"{}")
    }

    #[test]
    fn many_schemas_are_known_and_not_more_than_fit() {
        let mut schemas = KnownSchemas::default();
        for i in 0..SCHEMAS_MAX {
            // Some of one length, some of others.
            schemas.learn(Some(&head(i, i % 50)), Trie::new("value"));
        }
        for i in 0..SCHEMAS_MAX {
            assert!(is_known(&mut schemas, &head(i, i % 50)), "{i}");
        }
        schemas.learn(Some(&head(SCHEMAS_MAX, 0)), Trie::new("value"));
        assert!(is_known(&mut schemas, &head(SCHEMAS_MAX, 0)));
        assert_eq!(schemas.0.len(), SCHEMAS_MAX);
        assert!(!is_known(&mut schemas, &head(SCHEMAS_MAX + 1, 0)));

        schemas.learn(None, Trie::new("value"));
        schemas.learn(Some(&head(0, HEAD_MAX_BYTES)), Trie::new("value"));
        assert!(!is_known(&mut schemas, &head(0, HEAD_MAX_BYTES)));
        for i in 0..20 {
            schemas.learn(Some(&head(i, HEAD_MAX_BYTES - 100)), Trie::new("value"));
        }
        let bytes: usize = schemas.0.iter().map(|known| known.head.len()).sum();
        assert!(bytes <= HEADS_MAX_BYTES);
        assert!(is_known(&mut schemas, &head(19, HEAD_MAX_BYTES - 100)));
    }
}
