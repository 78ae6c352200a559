//! One number that says which snapshot a dimension is.

use std::hash::Hasher;

use super::key_values::KeyValues;
use crate::column::Batch;

/// The digest of key, fields and rows; the order of the rows does not matter.
pub(super) fn fingerprint(rows: &Batch, key: &[String]) -> u64 {
    let mut shape = Fnv::default();
    for field in rows.fields.iter() {
        let is_key = key.iter().position(|k| *k == field.name);
        let text = format!(
            "{} {} {} {is_key:?}",
            field.name, field.logical_type, field.nullable
        );
        shape.write(text.as_bytes());
        shape.write_u8(0xff);
    }
    let columns: Vec<KeyValues> = rows.columns.iter().map(KeyValues::of).collect();
    let row_digest = |row: usize| {
        let mut hasher = shape;
        for column in &columns {
            hasher.write_u8(column.is_null(row).into());
            if !column.is_null(row) {
                column.hash(row, &mut hasher);
            }
        }
        hasher.finish()
    };
    // A sum does not depend on the order of the rows, and as keys are unique no row can be counted
    // twice unseen.
    (0..rows.rows)
        .map(row_digest)
        .fold(shape.finish(), u64::wrapping_add)
}

/// 64-bit FNV-1a: digests are stored and compared between hosts, so the algorithm must never change
/// under us.
#[derive(Clone, Copy)]
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        // The offset basis of the algorithm's definition (draft-eastlake-fnv).
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        // FNV's high bits are weak and the digests are summed: the finalizer of MurmurHash3 spreads
        // them.
        let mut h = self.0;
        h = (h ^ (h >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        h = (h ^ (h >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        h ^ (h >> 33)
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            // The prime of the algorithm's definition.
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.write(&value.to_le_bytes());
    }
}
