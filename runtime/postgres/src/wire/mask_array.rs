//! Which cells of rows are absent, in Postgres' binary format, as an array parameter.

use std::error::Error;

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

/// A bit for each column and row as `bytea[]`, null for a row without any.
#[derive(Debug)]
pub(crate) struct MaskArray {
    bytes: Vec<u8>,
    /// Of a row.
    width: usize,
    has_any: Vec<bool>,
}

impl MaskArray {
    /// No bit is set. `width`: bytes of a row.
    pub(crate) fn new(rows: usize, width: usize) -> Self {
        Self {
            bytes: vec![0; rows * width],
            width,
            has_any: vec![false; rows],
        }
    }

    pub(crate) fn set(&mut self, row: usize, bit: u32) {
        self.bytes[row * self.width + bit as usize / 8] |= 1 << (bit % 8);
        self.has_any[row] = true;
    }
}

impl ToSql for MaskArray {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let rows = self.has_any.len();
        out.put_i32(i32::from(rows > 0));
        // Whether there may be nulls; nobody looks at it.
        out.put_i32(1);
        out.put_u32(Type::BYTEA.oid());
        if rows > 0 {
            out.put_i32(i32::try_from(rows)?);
            out.put_i32(1);
        }
        for (row, has_any) in self.has_any.iter().enumerate() {
            if !has_any {
                out.put_i32(-1);
                continue;
            }
            out.put_i32(i32::try_from(self.width)?);
            out.put_slice(&self.bytes[row * self.width..][..self.width]);
        }
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::BYTEA_ARRAY
    }

    to_sql_checked!();
}
