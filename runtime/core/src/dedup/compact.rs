//! A key and its order columns in 24 bytes, when they fit.

/// Bytes that fit without an allocation: a UUID, two integers, an integer with a log position, a
/// text of 20 characters.
const INLINE_BYTES: usize = 21;

/// A packed key, then the packed order columns.
pub(super) enum Compact {
    Inline {
        key_len: u8,
        len: u8,
        bytes: [u8; INLINE_BYTES],
    },
    Heap {
        key_len: u32,
        bytes: Box<[u8]>,
    },
}

// 21 is what keeps it at three words.
const _: () = assert!(size_of::<Compact>() == 24);

impl Compact {
    pub(super) fn new(key: &[u8], order: &[u8]) -> Self {
        let len = key.len() + order.len();
        if len > INLINE_BYTES {
            let bytes = [key, order].concat().into_boxed_slice();
            return Self::Heap {
                key_len: key.len() as u32,
                bytes,
            };
        }
        let mut bytes = [0; INLINE_BYTES];
        bytes[..key.len()].copy_from_slice(key);
        bytes[key.len()..len].copy_from_slice(order);
        Self::Inline {
            key_len: key.len() as u8,
            len: len as u8,
            bytes,
        }
    }

    pub(super) fn key(&self) -> &[u8] {
        match self {
            Self::Inline { key_len, bytes, .. } => &bytes[..usize::from(*key_len)],
            Self::Heap { key_len, bytes } => &bytes[..*key_len as usize],
        }
    }

    pub(super) fn order(&self) -> &[u8] {
        match self {
            Self::Inline {
                key_len,
                len,
                bytes,
            } => &bytes[usize::from(*key_len)..usize::from(*len)],
            Self::Heap { key_len, bytes } => &bytes[*key_len as usize..],
        }
    }

    /// Order columns of fixed width, the usual ones, cost no allocation.
    pub(super) fn set_order(&mut self, order: &[u8]) {
        match self {
            Self::Heap { key_len, bytes } if bytes.len() - *key_len as usize == order.len() => {
                bytes[*key_len as usize..].copy_from_slice(order);
            }
            _ => *self = Self::new(self.key(), order),
        }
    }

    /// Bytes allocated.
    pub(super) fn heap_bytes(&self) -> Option<usize> {
        match self {
            Self::Inline { .. } => None,
            Self::Heap { bytes, .. } => Some(bytes.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_and_order_come_back_whether_they_fit_or_not() {
        for key_len in 0..30 {
            for order_len in [0, 1, 9, 20, 21, 22, 40] {
                let (key, order) = (vec![7; key_len], vec![9; order_len]);
                let mut compact = Compact::new(&key, &order);
                assert_eq!((compact.key(), compact.order()), (&key[..], &order[..]));
                assert_eq!(
                    compact.heap_bytes().is_none(),
                    key_len + order_len <= INLINE_BYTES
                );
                for other_len in [order_len, 0, 5, 33] {
                    let other = vec![11; other_len];
                    compact.set_order(&other);
                    assert_eq!((compact.key(), compact.order()), (&key[..], &other[..]));
                }
            }
        }
    }
}
