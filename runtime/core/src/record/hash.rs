//! What a record is known again by.

use sha2::{Digest, Sha256};

/// First eight bytes, big-endian, of the SHA-256 over key and value, each after its length as eight
/// bytes (-1: none).
pub fn record_hash(key: Option<&[u8]>, value: Option<&[u8]>) -> i64 {
    hash_of(key, value.map(|value| [value, &[]]))
}

/// The same of a value in two pieces.
pub(super) fn hash_of(key: Option<&[u8]>, value: Option<[&[u8]; 2]>) -> i64 {
    let mut sha = Sha256::new();
    for pieces in [key.map(|key| [key, &[]]), value] {
        let length = pieces.map_or(-1, |[head, rest]| (head.len() + rest.len()) as i64);
        sha.update(length.to_be_bytes());
        pieces.iter().flatten().for_each(|piece| sha.update(piece));
    }
    let digest = sha.finalize();
    i64::from_be_bytes([
        digest[0], digest[1], digest[2], digest[3], digest[4], digest[5], digest[6], digest[7],
    ])
}
