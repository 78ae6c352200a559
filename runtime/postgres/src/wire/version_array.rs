//! Versions of rows in Postgres' binary format, as an array parameter.

use std::error::Error;
use std::fmt;

use bytes::{BufMut, BytesMut};
use gristmill_core::dedup::StoredVersions;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

/// The versions of a batch's rows as `bytea[]`.
pub(crate) struct VersionArray(pub(crate) StoredVersions);

impl ToSql for VersionArray {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let versions = &self.0;
        out.reserve(20 + versions.len() * 4 + versions.size());
        out.put_i32(i32::from(!versions.is_empty()));
        out.put_i32(0);
        out.put_u32(Type::BYTEA.oid());
        if !versions.is_empty() {
            out.put_i32(i32::try_from(versions.len())?);
            out.put_i32(1);
        }
        for row in 0..versions.len() {
            let version = versions.get(row);
            out.put_i32(i32::try_from(version.len())?);
            out.put_slice(version);
        }
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::BYTEA_ARRAY
    }

    to_sql_checked!();
}

impl fmt::Debug for VersionArray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} versions", self.0.len())
    }
}
