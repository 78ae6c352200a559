//! The heads that values share.

use std::sync::Arc;

use super::known_schemas::begins;
use super::wrapper::Wrapper;
use crate::record::Value;

/// How many heads of a partition are known. A topic has one, two while it changes, and as many as
/// tables where it carries several.
const HEADS_MAX: usize = 32;

/// The longest head that is shared, in bytes: that of a table of 300 columns.
const HEAD_MAX_BYTES: usize = 64 << 10;

/// The shortest: below it a copy costs nothing.
const HEAD_MIN_BYTES: usize = 128;

/// What the known ones hold at most, in bytes.
const HEADS_MAX_BYTES: usize = 256 << 10;

/// How Connect's converter begins a value with its schema.
const BEGINNING: &[u8] = b"{\"schema\":";

/// To find a head costs ten times what sharing it saves: where hardly any is found again, this many
/// values go by for each that is looked into.
const SEARCH_COST: u32 = 16;

/// So many searches may follow each other.
const SEARCHES_MAX: u32 = HEADS_MAX as u32;

/// Finds what a partition's values begin with: Connect's wrapper repeats a table's schema, several
/// times as long as the rows themselves, in each of them.
#[derive(Debug)]
pub struct Heads {
    /// The one that was met last is the first.
    known: Vec<Arc<[u8]>>,
    /// What may be spent on searches.
    credit: u32,
}

impl Default for Heads {
    fn default() -> Self {
        Self {
            known: Vec::new(),
            credit: SEARCHES_MAX * SEARCH_COST,
        }
    }
}

impl Heads {
    /// The value with the head that it shares with others, where one is known.
    #[inline]
    pub fn split<'v>(&'v mut self, value: &'v [u8]) -> Value<'v> {
        if value.starts_with(BEGINNING) && self.find(value) {
            let head = &self.known[0];
            return Value::behind(head, &value[head.len()..]);
        }
        Value::from(value)
    }

    /// Makes the head of a value the first.
    fn find(&mut self, value: &[u8]) -> bool {
        self.credit = (self.credit + 1).min(SEARCHES_MAX * SEARCH_COST);
        match self.known.iter().position(|head| begins(value, head)) {
            Some(at) => self.known.swap(0, at),
            None => return self.search(value),
        }
        true
    }

    #[cold]
    fn search(&mut self, value: &[u8]) -> bool {
        let Some(credit) = self.credit.checked_sub(SEARCH_COST) else {
            return false;
        };
        self.credit = credit;
        let Some(head) = head_of(value) else {
            return false;
        };
        let mut bytes: usize = self.known.iter().map(|head| head.len()).sum();
        while self.known.len() >= HEADS_MAX || bytes + head.len() > HEADS_MAX_BYTES {
            bytes -= self.known.pop().map_or(bytes, |head| head.len());
        }
        self.known.insert(0, head.into());
        true
    }
}

/// What lies before the payload where a value is a wrapper that ends with it.
fn head_of(value: &[u8]) -> Option<&[u8]> {
    let text = simdutf8::basic::from_utf8(value).ok()?;
    let wrapper = Wrapper::of(text).filter(|wrapper| wrapper.ends)?;
    let is_shared = (HEAD_MIN_BYTES..=HEAD_MAX_BYTES).contains(&wrapper.head);
    is_shared.then(|| &value[..wrapper.head])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(schema: usize, pad: usize) -> String {
        let pad = "x".repeat(pad);
        format!(r#"{{"schema":{{"name":"{schema:0>4}{pad}"}},"payload":{{"id":1}}}}"#)
    }

    fn head_bytes(heads: &mut Heads, value: &str) -> usize {
        let split = heads.split(value.as_bytes());
        assert_eq!(split, *value.as_bytes());
        split.head().map_or(0, |head| head.len())
    }

    #[test]
    fn values_of_one_schema_share_their_head() {
        let mut heads = Heads::default();
        let (first, second) = (value(1, 200), value(1, 200).replace(":1}", ":23}"));
        assert_eq!(
            head_bytes(&mut heads, &first),
            first.find("{\"id\"").unwrap()
        );
        let head = Arc::clone(heads.split(first.as_bytes()).head().unwrap());
        assert!(Arc::ptr_eq(
            heads.split(second.as_bytes()).head().unwrap(),
            &head
        ));
        for alone in [
            r#"{"id":1}"#.to_owned(),
            value(2, 10),
            value(2, HEAD_MAX_BYTES),
            value(2, 200).replace("\"schema\"", " \"schema\""),
            value(2, 200).replace(":1}}", ":1}"),
            format!(r#"{{"schema":1,"payload":2,"more":"{}"}}"#, "x".repeat(200)),
            format!(r#"{{"schema":"{}","other":2}}"#, "x".repeat(200)),
        ] {
            assert_eq!(head_bytes(&mut heads, &alone), 0, "{alone}");
        }
        // Whatever follows a head that is known.
        let broken = first.replace("}}", "");
        assert_ne!(head_bytes(&mut heads, &broken), 0);
    }

    #[test]
    fn no_more_heads_are_kept_than_fit() {
        let mut heads = Heads::default();
        for schema in 0..HEADS_MAX + 5 {
            head_bytes(&mut heads, &value(schema, 200));
        }
        assert_eq!(heads.known.len(), HEADS_MAX);
        let mut heads = Heads::default();
        for schema in 0..HEADS_MAX {
            head_bytes(&mut heads, &value(schema, HEAD_MAX_BYTES - 100));
        }
        let bytes: usize = heads.known.iter().map(|head| head.len()).sum();
        assert!(bytes <= HEADS_MAX_BYTES, "{bytes}");
    }

    #[test]
    fn heads_that_never_come_again_are_seldom_looked_for() {
        let mut heads = Heads::default();
        let mut found = 0;
        for schema in 0..1_000 {
            found += usize::from(head_bytes(&mut heads, &value(schema, 200)) > 0);
        }
        assert!(found < 100, "{found}");
        let common = value(1, 300);
        let mut values = 0;
        while head_bytes(&mut heads, &common) == 0 {
            values += 1;
        }
        assert!(values <= SEARCH_COST, "{values}");
    }
}
