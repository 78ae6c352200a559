//! Raw records of one partition, in offset order, in one buffer: no allocation a record.

/// A run of records of one partition. Offsets increase strictly but may have holes (compaction,
/// aborted and control records).
#[derive(Clone, Debug, Default)]
pub struct Records {
    bytes: Vec<u8>,
    index: Vec<IndexEntry>,
}

#[derive(Clone, Copy, Debug)]
struct IndexEntry {
    offset: i64,
    timestamp_ms: Option<i64>,
    /// The ends of the record's parts in `bytes`; each starts where the one before it ends.
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
    pub value: Option<&'a [u8]>,
    headers: &'a [u8],
}

impl Records {
    /// Appends a record. `offset` must be above the last one's.
    pub fn push<'h>(
        &mut self,
        offset: i64,
        timestamp_ms: Option<i64>,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: impl Iterator<Item = (&'h str, Option<&'h [u8]>)>,
    ) {
        debug_assert!(self.index.last().is_none_or(|e| e.offset < offset));
        let start = self.bytes.len();
        self.bytes.extend_from_slice(key.unwrap_or_default());
        let key_end = self.bytes.len();
        self.bytes.extend_from_slice(value.unwrap_or_default());
        let value_end = self.bytes.len();
        for (name, value) in headers {
            self.bytes
                .extend_from_slice(&(name.len() as u32).to_le_bytes());
            self.bytes.extend_from_slice(name.as_bytes());
            let length = value.map_or(u32::MAX, |v| v.len() as u32);
            self.bytes.extend_from_slice(&length.to_le_bytes());
            self.bytes.extend_from_slice(value.unwrap_or_default());
        }
        self.index.push(IndexEntry {
            offset,
            timestamp_ms,
            start,
            key_end,
            value_end,
            headers_end: self.bytes.len(),
            has_key: key.is_some(),
            has_value: value.is_some(),
        });
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

    /// Bytes held: keys, values and headers.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The record at `i`, which must be below [`Records::len`].
    pub fn get(&self, i: usize) -> Record<'_> {
        let e = self.index[i];
        Record {
            offset: e.offset,
            timestamp_ms: e.timestamp_ms,
            key: e.has_key.then(|| &self.bytes[e.start..e.key_end]),
            value: e.has_value.then(|| &self.bytes[e.key_end..e.value_end]),
            headers: &self.bytes[e.value_end..e.headers_end],
        }
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

    /// Appends records `range` of `other`, whose offsets must follow: two copies, however many they
    /// are.
    pub fn append(&mut self, other: &Records, range: std::ops::Range<usize>) {
        let entries = &other.index[range];
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
            return;
        };
        let (from, to) = (first.start, self.bytes.len());
        self.bytes
            .extend_from_slice(&other.bytes[from..last.headers_end]);
        self.index.extend(entries.iter().map(|e| IndexEntry {
            start: e.start - from + to,
            key_end: e.key_end - from + to,
            value_end: e.value_end - from + to,
            headers_end: e.headers_end - from + to,
            ..*e
        }));
    }
}

impl<'a> Record<'a> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_values_and_headers_come_back_as_they_went_in() {
        let mut records = Records::default();
        records.push(3, Some(7), None, Some(b"v"), std::iter::empty());
        let headers = [("a", None), ("b", Some(&b""[..])), ("a", Some(&b"x"[..]))];
        records.push(9, None, Some(b"k"), None, headers.into_iter());
        let (first, last) = (records.get(0), records.get(1));
        assert_eq!(
            (first.offset, first.key, first.value),
            (3, None, Some(&b"v"[..]))
        );
        assert_eq!(first.headers().count(), 0);
        assert_eq!(
            (last.offset, last.key, last.value),
            (9, Some(&b"k"[..]), None)
        );
        assert_eq!(last.headers().collect::<Vec<_>>(), headers);
    }

    #[test]
    fn appended_records_are_the_same_records() {
        let mut source = Records::default();
        for offset in 0..5 {
            let value = vec![b'v'; offset as usize];
            let header = [("h", Some(&b"x"[..]))];
            source.push(offset, None, Some(b"key"), Some(&value), header.into_iter());
        }
        let mut records = Records::default();
        records.append(&source, 1..3);
        records.append(&source, 3..3);
        records.append(&source, 3..5);
        assert_eq!(records.len(), 4);
        for (i, record) in records.iter().enumerate() {
            let original = source.get(i + 1);
            assert_eq!(
                (record.offset, record.key, record.value),
                (original.offset, original.key, original.value)
            );
            assert!(record.headers().eq(original.headers()));
        }
    }
}
