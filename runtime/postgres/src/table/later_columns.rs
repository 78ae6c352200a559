//! Columns that a pipeline did not write from the first: rows from before say nothing of them.

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::table::identifier::{ABSENT, REVISION, quote};
use crate::wire::database_error::DatabaseError;
use crate::wire::placeholder::{self, Named};

/// The bits of such columns of a table, each with the first revision that has written the column
/// ever since.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LaterColumns(Vec<(u32, i32)>);

/// Remembers which columns the rows of a revision have.
pub(crate) async fn remember(
    client: &Client,
    pipeline: &str,
    revision: i32,
    columns: &[&str],
) -> Result<(), DatabaseError> {
    let parameters: [Named<'_>; 3] = [
        ("pipeline", Type::TEXT, &pipeline),
        ("revision", Type::INT4, &revision),
        ("columns", Type::TEXT_ARRAY, &columns),
    ];
    let sql = r"
        update gristmill.revision
        set columns = :columns
        where pipeline = :pipeline
          and revision = :revision
          and columns is distinct from :columns";
    let failed = DatabaseError::query("remember the columns of a revision");
    placeholder::execute(client, sql, &parameters)
        .await
        .map_err(failed)?;
    Ok(())
}

impl LaterColumns {
    /// Those of the table `target` that the revision writes, and another before it ran without.
    pub(crate) async fn load(
        client: &Client,
        target: i32,
        pipeline: &str,
        revision: i32,
    ) -> Result<Self, DatabaseError> {
        let parameters: [Named<'_>; 3] = [
            ("target", Type::INT4, &target),
            ("pipeline", Type::TEXT, &pipeline),
            ("revision", Type::INT4, &revision),
        ];
        // What never ran wrote no row.
        let sql = r"
            select c.bit, pg_catalog.max(r.revision) + 1
            from gristmill.revision m
              cross join pg_catalog.unnest(m.columns) as n (name)
              join gristmill.target_column c on c.target = :target and c.name = n.name
              join gristmill.revision r
                on r.pipeline = m.pipeline
                  and r.revision < m.revision
                  and r.spec ->> 'target' = m.spec ->> 'target'
                  and n.name <> all (r.columns)
            where m.pipeline = :pipeline
              and m.revision = :revision
              and exists (
                select from gristmill.activation a
                where a.pipeline = r.pipeline and a.revision = r.revision
              )
            group by c.bit
            order by c.bit";
        let rows = placeholder::query(client, sql, &parameters).await;
        let rows = rows.map_err(DatabaseError::query("read which columns came later"))?;
        let column = |row: &tokio_postgres::Row| (row.get::<_, i32>(0) as u32, row.get(1));
        Ok(Self(rows.iter().map(column).collect()))
    }

    /// SQL that is true where the row `t` was written before the column of this bit was. `None`: it
    /// was there from the first.
    pub(crate) fn is_later(&self, bit: u32) -> Option<String> {
        let column = self.0.iter().find(|(of, _)| *of == bit);
        column.map(|(_, revision)| is_before(*revision))
    }

    /// SQL that is true where the row `t` was written before some column was. `None`: all were
    /// there from the first.
    pub(crate) fn any_is_later(&self) -> Option<String> {
        let revisions = self.0.iter().map(|(_, revision)| *revision);
        revisions.max().map(is_before)
    }

    /// SQL for what is unknown of the row `t`: what `_gm_absent` says, and the columns that came
    /// after it was written.
    pub(crate) fn unknown(&self) -> String {
        let absent = format!("t.{}", quote(ABSENT));
        let mut revisions: Vec<i32> = self.0.iter().map(|(_, revision)| *revision).collect();
        if revisions.is_empty() {
            return absent;
        }
        revisions.sort_unstable();
        revisions.dedup();
        let cases = revisions.iter().map(|&revision| {
            let bits = self.0.iter().filter(|(_, from)| *from >= revision);
            let bits = literal(bits.map(|(bit, _)| *bit));
            format!(" when {} then {bits}", is_before(revision))
        });
        format!(
            "gristmill.absent_after({absent}, case{} end, ''::bytea, true)",
            cases.collect::<String>()
        )
    }
}

/// That the row `t` was written by an earlier revision, or by somebody else.
fn is_before(revision: i32) -> String {
    format!("coalesce(t.{}, 0) < {revision}", quote(REVISION))
}

/// These bits as `_gm_absent` has them, as a literal.
pub(crate) fn literal(bits: impl Iterator<Item = u32>) -> String {
    let mut bytes: Vec<u8> = Vec::new();
    for bit in bits {
        let byte = bit as usize / 8;
        bytes.resize(bytes.len().max(byte + 1), 0);
        bytes[byte] |= 1 << (bit % 8);
    }
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("e'\\\\x{hex}'::bytea")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_lacks_what_came_after_its_revision() {
        assert_eq!(LaterColumns::default().unknown(), "t.\"_gm_absent\"");
        let later = LaterColumns(vec![(0, 5), (9, 3), (2, 5)]);
        assert_eq!(
            later.unknown(),
            "gristmill.absent_after(t.\"_gm_absent\", case when coalesce(t.\"_gm_revision\", 0) < \
             3 then e'\\\\x0502'::bytea when coalesce(t.\"_gm_revision\", 0) < 5 then \
             e'\\\\x05'::bytea end, ''::bytea, true)"
        );
        let is_later = |bit| later.is_later(bit).unwrap_or_default();
        assert_eq!(is_later(9), "coalesce(t.\"_gm_revision\", 0) < 3");
        assert_eq!(later.is_later(1), None);
        assert_eq!(later.any_is_later(), Some(is_later(0)));
    }
}
