//! Columns that a pipeline did not write from the first: rows from before say nothing of them.

use std::collections::BTreeSet;

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::table::identifier::{ABSENT, REVISION, quote};
use crate::wire::database_error::DatabaseError;
use crate::wire::placeholder::{self, Named};

/// Such columns of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LaterColumns(Vec<LaterColumn>);

/// Which revisions ran without a column.
#[derive(Clone, Debug, PartialEq, Eq)]
struct LaterColumn {
    bit: u32,
    /// All below this one; 0: none.
    before: i32,
    /// Those behind the first that had the column, ascending.
    without: Vec<i32>,
}

/// Remembers which columns the rows of a revision have. Of arrays an operator that somebody else
/// made may fit better than Postgres' own, which is of any array: it is named.
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
          and (columns operator(pg_catalog.=) :columns) is not true";
    let failed = DatabaseError::query("remember the columns of a revision");
    placeholder::execute(client, sql, &parameters)
        .await
        .map_err(failed)?;
    Ok(())
}

impl LaterColumns {
    /// Those of the table `target` that the revision writes, and another ran without.
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
        // One table may be written in several ways, with quotation marks or without.
        // What never ran wrote no row. One may run again under its number, once a later one is
        // taken back, so numbers alone do not tell which rows lack what.
        let sql = r"
            with ran as (
              select r.revision, r.columns
              from gristmill.revision m
                join gristmill.revision r
                  on r.pipeline = m.pipeline
                  and (
                    r.spec ->> 'target' = m.spec ->> 'target'
                    or gristmill.table_called(r.spec ->> 'target')
                      = gristmill.table_called(m.spec ->> 'target')
                  )
              where m.pipeline = :pipeline
                and m.revision = :revision
                and (
                  r.revision = m.revision
                  or exists (
                    select from gristmill.activation a
                    where a.pipeline = r.pipeline and a.revision = r.revision
                  )
                )
            ),
            had as (
              select n.name, pg_catalog.min(ran.revision) as first
              from ran cross join pg_catalog.unnest(ran.columns) as n (name)
              group by n.name
            )
            select c.bit,
              coalesce(pg_catalog.max(ran.revision) filter (where ran.revision < had.first) + 1, 0),
              coalesce(
                pg_catalog.array_agg(ran.revision order by ran.revision)
                  filter (where ran.revision > had.first),
                '{}'
              )
            from gristmill.revision m
              cross join pg_catalog.unnest(m.columns) as n (name)
              join gristmill.target_column c on c.target = :target and c.name = n.name
              join had on had.name = n.name
              join ran on n.name <> all (ran.columns)
            where m.pipeline = :pipeline
              and m.revision = :revision
            group by c.bit
            order by c.bit";
        let rows = placeholder::query(client, sql, &parameters).await;
        let rows = rows.map_err(DatabaseError::query("read which columns came later"))?;
        let column = |row: &tokio_postgres::Row| LaterColumn {
            bit: row.get::<_, i32>(0) as u32,
            before: row.get(1),
            without: row.get(2),
        };
        Ok(Self(rows.iter().map(column).collect()))
    }

    /// SQL that is true where the row `t` was written without the column of this bit. `None`: no
    /// row was.
    pub(crate) fn is_later(&self, bit: u32) -> Option<String> {
        let column = self.0.iter().find(|of| of.bit == bit);
        column.map(|column| lacks(column.before, &column.without))
    }

    /// SQL that is true where the row `t` was written without some column. `None`: no row was.
    pub(crate) fn any_is_later(&self) -> Option<String> {
        let before = self.0.iter().map(|of| of.before).max()?;
        Some(lacks(before, &self.without()))
    }

    /// All revisions that lack a column behind the first that had it, ascending.
    fn without(&self) -> Vec<i32> {
        let without = self.0.iter().flat_map(|of| &of.without).copied();
        without.collect::<BTreeSet<i32>>().into_iter().collect()
    }

    /// SQL for what is unknown of the row `t`: what `_gm_absent` says, and the columns that it was
    /// written without.
    pub(crate) fn unknown(&self) -> String {
        let absent = format!("t.{}", quote(ABSENT));
        if self.0.is_empty() {
            return absent;
        }
        let bits = |lacks: &dyn Fn(&LaterColumn) -> bool| {
            literal(self.0.iter().filter(|of| lacks(of)).map(|of| of.bit))
        };
        let without = self.without().into_iter().map(|revision| {
            let lacks = |of: &LaterColumn| {
                of.before > revision || of.without.binary_search(&revision).is_ok()
            };
            (is(revision), bits(&lacks))
        });
        let before: BTreeSet<i32> = self.0.iter().map(|of| of.before).collect();
        let before = before.into_iter().filter(|before| *before > 0);
        let before = before.map(|before| {
            (
                is_before(before),
                bits(&|of: &LaterColumn| of.before >= before),
            )
        });
        let cases = without.chain(before);
        let cases = cases.map(|(when, bits)| format!(" when {when} then {bits}"));
        format!(
            "gristmill.absent_after({absent}, case{} end, ''::bytea, true)",
            cases.collect::<String>()
        )
    }
}

/// That the row `t` was written by a revision below `before`, by somebody else, or by one of
/// `without`.
fn lacks(before: i32, without: &[i32]) -> String {
    let of_before = (before > 0).then(|| is_before(before));
    let of_without = without.iter().map(|revision| is(*revision));
    let any: Vec<String> = of_before.into_iter().chain(of_without).collect();
    format!("({})", any.join(" or "))
}

fn is_before(revision: i32) -> String {
    format!("coalesce(t.{}, 0) < {revision}", quote(REVISION))
}

fn is(revision: i32) -> String {
    format!("coalesce(t.{}, 0) = {revision}", quote(REVISION))
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
        let later = |bit, before, without: &[i32]| LaterColumn {
            bit,
            before,
            without: without.to_vec(),
        };
        let later = LaterColumns(vec![later(0, 5, &[]), later(9, 3, &[]), later(2, 0, &[4])]);
        let revision = "coalesce(t.\"_gm_revision\", 0)";
        assert_eq!(
            later.unknown(),
            format!(
                "gristmill.absent_after(t.\"_gm_absent\", case when {revision} = 4 then \
                 e'\\\\x05'::bytea when {revision} < 3 then e'\\\\x0102'::bytea when {revision} \
                 < 5 then e'\\\\x01'::bytea end, ''::bytea, true)"
            )
        );
        let is_later = |bit| later.is_later(bit).unwrap_or_default();
        assert_eq!(is_later(9), format!("({revision} < 3)"));
        assert_eq!(is_later(2), format!("({revision} = 4)"));
        assert_eq!(later.is_later(1), None);
        let any = format!("({revision} < 5 or {revision} = 4)");
        assert_eq!(later.any_is_later(), Some(any));
    }
}
