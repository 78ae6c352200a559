//! Raw records of one partition, in offset order, in a few buffers: no allocation a record.

mod hash;
#[cfg(test)]
mod tests;
mod value;

use std::sync::Arc;

use hash::hash_of;
pub use hash::record_hash;
pub use value::Value;

/// A run of records of one partition. Offsets increase strictly but may have holes (compaction,
/// aborted and control records).
#[derive(Clone, Debug, Default)]
pub struct Records {
    /// The last one grows.
    buffers: Vec<Vec<u8>>,
    /// What values begin with, each once.
    heads: Vec<Arc<[u8]>>,
    /// The bytes of heads, each as often as a value has it.
    shared_bytes: usize,
    index: Vec<IndexEntry>,
    /// Those of which the beginning is here alone, by place.
    cut: Vec<(usize, Cut)>,
}

/// What is known of a record that was too large to be copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Of its key, value and headers together.
    pub bytes: usize,
    /// The [`record_hash`] of the whole record.
    pub hash: i64,
}

/// So much is kept of the value of a record that is [`Cut`].
pub const CUT_BYTES: usize = 1_024;

/// So much is kept of its key, which says of which row the record is: a key of a few columns, also
/// where it stands beside its schema.
pub const KEY_CUT_BYTES: usize = 16 << 10;

#[derive(Clone, Copy, Debug)]
struct IndexEntry {
    offset: i64,
    timestamp_ms: Option<i64>,
    /// Which buffer the record is in.
    buffer: u32,
    /// Which head the value has.
    head: Option<u32>,
    /// The ends of the record's parts in the buffer; each starts where the one before it ends.
    start: usize,
    key_end: usize,
    value_end: usize,
    headers_end: usize,
    has_key: bool,
    has_value: bool,
}

/// One record, borrowed from [`Records`].
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    pub offset: i64,
    /// Kafka's timestamp, milliseconds since the Unix epoch.
    pub timestamp_ms: Option<i64>,
    pub key: Option<&'a [u8]>,
    /// `None` is a tombstone.
    pub value: Option<Value<'a>>,
    /// Set where key and value are only the beginning, and headers are left out.
    pub cut: Option<Cut>,
    headers: &'a [u8],
}

impl Records {
    /// No records yet, and room for so many of so many bytes together.
    pub fn with_room(records: usize, bytes: usize) -> Self {
        Self {
            buffers: vec![Vec::with_capacity(bytes)],
            index: Vec::with_capacity(records),
            ..Self::default()
        }
    }

    /// Appends a record. `offset` must be above the last one's.
    pub fn push<'h>(
        &mut self,
        offset: i64,
        timestamp_ms: Option<i64>,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: impl Iterator<Item = (&'h str, Option<&'h [u8]>)>,
    ) {
        self.push_sharing(offset, timestamp_ms, key, value.map(Value::from), headers);
    }

    /// The same of a value that may have a head: that is held once.
    pub fn push_sharing<'h>(
        &mut self,
        offset: i64,
        timestamp_ms: Option<i64>,
        key: Option<&[u8]>,
        value: Option<Value<'_>>,
        headers: impl Iterator<Item = (&'h str, Option<&'h [u8]>)>,
    ) {
        debug_assert!(self.index.last().is_none_or(|e| e.offset < offset));
        let head = value.and_then(Value::head).map(|head| self.keep_head(head));
        self.shared_bytes += head.map_or(0, |at| self.heads[at as usize].len());
        let (buffer, bytes) = self.last_buffer();
        let start = bytes.len();
        bytes.extend_from_slice(key.unwrap_or_default());
        let key_end = bytes.len();
        bytes.extend_from_slice(value.map_or(&[], Value::rest));
        let value_end = bytes.len();
        for (name, value) in headers {
            bytes.extend_from_slice(&(name.len() as u32).to_le_bytes());
            bytes.extend_from_slice(name.as_bytes());
            let length = value.map_or(u32::MAX, |v| v.len() as u32);
            bytes.extend_from_slice(&length.to_le_bytes());
            bytes.extend_from_slice(value.unwrap_or_default());
        }
        let headers_end = bytes.len();
        self.index.push(IndexEntry {
            offset,
            timestamp_ms,
            buffer,
            head,
            start,
            key_end,
            value_end,
            headers_end,
            has_key: key.is_some(),
            has_value: value.is_some(),
        });
    }

    /// The buffer that grows, and which one it is.
    fn last_buffer(&mut self) -> (u32, &mut Vec<u8>) {
        if self.buffers.is_empty() {
            self.buffers.push(Vec::new());
        }
        let last = self.buffers.len() - 1;
        (last as u32, &mut self.buffers[last])
    }

    /// The place of a head, which is kept if it is new. They are few: mostly it is the newest.
    fn keep_head(&mut self, head: &Arc<[u8]>) -> u32 {
        let known = self
            .heads
            .iter()
            .rposition(|known| Arc::ptr_eq(known, head));
        let at = known.unwrap_or_else(|| {
            self.heads.push(Arc::clone(head));
            self.heads.len() - 1
        });
        at as u32
    }

    /// Appends the beginning of a record that is too large to be copied: `bytes` of key, value and
    /// headers together.
    pub fn push_cut(
        &mut self,
        offset: i64,
        timestamp_ms: Option<i64>,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        bytes: usize,
    ) {
        let hash = record_hash(key, value);
        self.cut.push((self.len(), Cut { bytes, hash }));
        let key = key.map(|key| &key[..key.len().min(KEY_CUT_BYTES)]);
        let value = value.map(|value| &value[..value.len().min(CUT_BYTES)]);
        self.push(offset, timestamp_ms, key, value, std::iter::empty());
    }

    /// Copies of the records at `indices`, which rise.
    pub fn select(&self, indices: impl IntoIterator<Item = usize>) -> Self {
        let mut selected = Self::default();
        for i in indices {
            selected.append(self, i..i + 1);
        }
        selected
    }

    pub fn len(&self) -> usize {
        self.index.len()
    }

    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Bytes held: keys, values and headers. Heads, which other records may hold as well, do not
    /// count.
    pub fn bytes(&self) -> usize {
        self.buffers.iter().map(Vec::len).sum()
    }

    /// What they hold with each value in one piece.
    pub fn whole_bytes(&self) -> usize {
        self.bytes() + self.shared_bytes
    }

    /// Whether some value has a head.
    pub fn share(&self) -> bool {
        !self.heads.is_empty()
    }

    /// Copies of all, with each value in one piece.
    pub fn whole(&self) -> Self {
        let mut whole = Self::with_room(self.len(), self.whole_bytes());
        for record in self.iter() {
            let value = record.value.map(Value::whole);
            whole.push(
                record.offset,
                record.timestamp_ms,
                record.key,
                value.as_deref(),
                record.headers(),
            );
        }
        whole.cut.clone_from(&self.cut);
        whole
    }

    /// The record at `i`, which must be below [`Records::len`].
    pub fn get(&self, i: usize) -> Record<'_> {
        let e = self.index[i];
        let cut = match self.cut.is_empty() {
            true => None,
            false => self.cut.binary_search_by_key(&i, |(place, _)| *place).ok(),
        };
        let bytes = &self.buffers[e.buffer as usize];
        Record {
            cut: cut.map(|found| self.cut[found].1),
            offset: e.offset,
            timestamp_ms: e.timestamp_ms,
            key: e.has_key.then(|| &bytes[e.start..e.key_end]),
            value: e.has_value.then(|| {
                let rest = &bytes[e.key_end..e.value_end];
                match e.head {
                    None => Value::from(rest),
                    Some(head) => Value::behind(&self.heads[head as usize], rest),
                }
            }),
            headers: &bytes[e.value_end..e.headers_end],
        }
    }

    /// The offset of record `i`, which is there. Asked for each row, so nothing else is looked at.
    pub fn offset(&self, i: usize) -> i64 {
        self.index[i].offset
    }

    /// The time that Kafka gave record `i`, which is there, milliseconds since the Unix epoch.
    pub fn timestamp_ms(&self, i: usize) -> Option<i64> {
        self.index[i].timestamp_ms
    }

    /// Whether record `i`, which is there, has a value.
    pub fn has_value(&self, i: usize) -> bool {
        self.index[i].has_value
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = Record<'_>> {
        (0..self.len()).map(|i| self.get(i))
    }

    pub fn first(&self) -> Option<Record<'_>> {
        (!self.is_empty()).then(|| self.get(0))
    }

    pub fn last(&self) -> Option<Record<'_>> {
        self.len().checked_sub(1).map(|i| self.get(i))
    }

    /// Appends copies of records `range` of `other`, whose offsets must follow: two copies a
    /// buffer, however many they are.
    pub fn append(&mut self, other: &Records, range: std::ops::Range<usize>) {
        let before = self.len();
        let within = other.cut.iter().filter(|(place, _)| range.contains(place));
        self.cut
            .extend(within.map(|(place, cut)| (place - range.start + before, *cut)));
        let heads: Vec<u32> = other.heads.iter().map(|h| self.keep_head(h)).collect();
        for entries in other.index[range].chunk_by(|a, b| a.buffer == b.buffer) {
            let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
                continue;
            };
            let copied = &other.buffers[first.buffer as usize][first.start..last.headers_end];
            self.make_room(copied.len());
            let shared = entries.iter().filter_map(|e| e.head);
            let shared = shared.map(|head| other.heads[head as usize].len());
            self.shared_bytes += shared.sum::<usize>();
            let (buffer, bytes) = self.last_buffer();
            let (from, to) = (first.start, bytes.len());
            bytes.extend_from_slice(copied);
            self.index.extend(entries.iter().map(|e| IndexEntry {
                buffer,
                head: e.head.map(|head| heads[head as usize]),
                start: e.start - from + to,
                key_end: e.key_end - from + to,
                value_end: e.value_end - from + to,
                headers_end: e.headers_end - from + to,
                ..*e
            }));
        }
    }

    /// Makes room for so many bytes in one piece. What a buffer holds is never moved for it.
    fn make_room(&mut self, bytes: usize) {
        let last = self.buffers.last();
        let (held, left) = last.map_or((0, 0), |last| (last.len(), last.capacity() - last.len()));
        if left < bytes {
            self.buffers.push(Vec::with_capacity(bytes.max(held)));
        }
    }

    /// Appends all of `other`, whose offsets must follow, without copying what they hold.
    pub fn append_whole(&mut self, other: Records) {
        let (before, buffers) = (self.len(), self.buffers.len() as u32);
        let heads: Vec<u32> = other.heads.iter().map(|h| self.keep_head(h)).collect();
        self.shared_bytes += other.shared_bytes;
        let cut = other.cut.into_iter();
        self.cut
            .extend(cut.map(|(place, cut)| (place + before, cut)));
        self.buffers.extend(other.buffers);
        self.index.extend(other.index.iter().map(|e| IndexEntry {
            buffer: e.buffer + buffers,
            head: e.head.map(|head| heads[head as usize]),
            ..*e
        }));
    }
}

impl<'a> Record<'a> {
    /// The [`record_hash`] of the whole record.
    pub fn hash(&self) -> i64 {
        let hash = || hash_of(self.key, self.value.map(Value::parts));
        self.cut.map_or_else(hash, |cut| cut.hash)
    }

    /// The first header of one of `names`, which has a value: which of them it is, and that. It is
    /// asked of each record, so names are not looked at as text.
    pub(crate) fn header_of<const N: usize>(&self, names: [&[u8]; N]) -> Option<(usize, &'a [u8])> {
        let mut rest = self.headers;
        while !rest.is_empty() {
            let name = take(&mut rest)?;
            let found = names.iter().position(|n| *n == name);
            if let (Some(found), Some(value)) = (found, take(&mut rest)) {
                return Some((found, value));
            }
        }
        None
    }

    /// Headers in their order; a name may repeat.
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, Option<&'a [u8]>)> + use<'a> {
        let mut rest = self.headers;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let name = std::str::from_utf8(take(&mut rest)?).ok()?;
            let value = take(&mut rest);
            Some((name, value))
        })
    }
}

/// Takes a length-prefixed part off the front; `None` where the length says there is no value.
fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, tail) = rest.split_first_chunk::<4>()?;
    *rest = tail;
    let length = u32::from_le_bytes(*length);
    if length == u32::MAX {
        return None;
    }
    let (part, tail) = rest.split_at(length as usize);
    *rest = tail;
    Some(part)
}
