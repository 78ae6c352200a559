//! The sink's SQL, written once for a target and a set of columns.

use std::sync::Arc;

use gristmill_core::brake::WINDOW_RECORDS;
use tokio_postgres::types::Type;

use crate::commit::parameters::{self, FLUSH_PARAMETERS};
use crate::commit::rows_sql::{RowsKind, RowsSql};
use crate::commit::seen_tombstones::TombstonesSeen;
use crate::commit::target_shape::TargetShape;
use crate::table::identifier::{ABSENT, OFFSET, PARTITION, REVISION, VERSION, quote};
use crate::wire::placeholder::numbered;

/// SQL text and the types of its parameters.
#[derive(Clone, Debug)]
pub(crate) struct Sql {
    pub(crate) text: Arc<str>,
    pub(crate) types: Vec<Type>,
}

impl Sql {
    /// Numbers the placeholders of `text` as `parameters` are listed.
    fn new(text: &str, parameters: Vec<(String, Type)>) -> Self {
        let (names, types): (Vec<String>, Vec<Type>) = parameters.into_iter().unzip();
        Self {
            text: numbered(text, &names).into(),
            types,
        }
    }
}

/// Every statement that a sink sends.
#[derive(Clone, Debug)]
pub(crate) struct Statements {
    /// Those of flushes for as long as the target has no tombstones: with one, they are refused.
    pub(crate) heedless: StatementsByKind,
    /// Those that hold rows against tombstones.
    pub(crate) heeding: StatementsByKind,
    /// The flush of deleted rows that holds them against tombstones, for as long as their keys have
    /// none: with one, it is refused. To look for one takes Postgres as long as to write another.
    /// `None`: rows are not deleted for good.
    first_tombstones: Option<Sql>,
    /// Writes tombstones of the rows that it takes, as masked rows. `None`: there are no versions.
    pub(crate) tombstones: Option<Sql>,
    /// Says of stored rows that are no newer than those that it takes, as masked rows, that their
    /// absent cells are unknown. `None`: the table cannot say so.
    pub(crate) forget: Option<Sql>,
    /// The same of stored rows that come from no later record of the partition.
    pub(crate) forget_earlier: Option<Sql>,
    pub(crate) overtaken: Option<Sql>,
    pub(crate) keys_read: Option<Sql>,
    /// Deletes all rows that are older than the one that it takes. `None`: there are no versions.
    pub(crate) truncate: Option<Sql>,
    /// Whether that takes the partition and the revision, too.
    pub(crate) truncate_has_origin: bool,
    /// Takes the lock under which that is done.
    pub(crate) lock: String,
    /// Whether there is a row of the key of the first row that it takes, as masked rows.
    pub(crate) is_stored: Sql,
}

/// The statements that write rows of each kind.
#[derive(Clone, Debug)]
pub(crate) struct StatementsByKind {
    pub(crate) plain: RowStatements,
    absent: RowStatements,
    deleted: RowStatements,
}

/// The statements that write rows.
#[derive(Clone, Debug)]
pub(crate) struct RowStatements {
    /// Checkpoint, dead letters and rows in one.
    pub(crate) flush: Sql,
    /// Rows alone. Takes the partition and the revision, each where the target has a column for it,
    /// then the rows' arrays.
    pub(crate) upsert: Sql,
}

impl StatementsByKind {
    pub(crate) fn of_rows(&self, kind: RowsKind) -> &RowStatements {
        match kind {
            RowsKind::Plain => &self.plain,
            RowsKind::Absent => &self.absent,
            RowsKind::Deleted => &self.deleted,
        }
    }
}

impl Statements {
    /// Of rows of this kind.
    pub(crate) fn flush(&self, kind: RowsKind, seen: TombstonesSeen) -> &Sql {
        if !seen.are_some {
            return &self.heedless.of_rows(kind).flush;
        }
        let are_deleted = kind == RowsKind::Deleted;
        let first = self.first_tombstones.as_ref();
        let first = first.filter(|_| are_deleted && !seen.recur);
        first.unwrap_or(&self.heeding.of_rows(kind).flush)
    }
}

impl TargetShape<'_> {
    pub(crate) fn statements(&self) -> Statements {
        let of_rows = |parts: RowsSql<'_>| RowStatements {
            flush: self.flush(&parts),
            upsert: self.alone(&parts.alone(), parts.arrays(), true),
        };
        let by_kind = |parts: fn(RowsSql<'_>) -> RowsSql<'_>| {
            let of = |kind| of_rows(parts(RowsSql::new(self, kind)));
            StatementsByKind {
                plain: of(RowsKind::Plain),
                absent: of(RowsKind::Absent),
                deleted: of(RowsKind::Deleted),
            }
        };
        let masked = RowsSql::new(self, RowsKind::Deleted);
        let rows = format!("(select {})", masked.unnested());
        let tombstones = self.tombstones(&rows, "", "true", false);
        let first = self.deletes_for_good().then(|| {
            let deleted = RowsSql::new(self, RowsKind::Deleted);
            self.flush(&deleted.reading_tombstones().writing_first_tombstones())
        });
        let is_stored = format!(
            "select exists (select from {} as t where {}) from {rows} as u",
            self.target.own_rows,
            self.on(),
        );
        Statements {
            heedless: by_kind(|rows| rows),
            heeding: by_kind(|rows| rows.reading_tombstones()),
            first_tombstones: first,
            tombstones: tombstones.map(|text| self.alone(&text, masked.arrays(), false)),
            forget: self.forget(&masked, &self.guarded().stored("u.v", &self.event_time())),
            forget_earlier: self.forget(&masked, &is_no_later("u.v")),
            overtaken: self.overtaken(),
            keys_read: self.keys_read(),
            truncate: self.truncate(&masked),
            truncate_has_origin: self.marks_truncated(),
            lock: format!(
                "lock table {} in share row exclusive mode",
                self.target.own_rows
            ),
            is_stored: self.alone(&is_stored, masked.arrays(), false),
        }
    }

    fn flush(&self, rows: &RowsSql<'_>) -> Sql {
        let text = format!(
            include_str!("flush.sql"),
            window = WINDOW_RECORDS,
            written = rows.written(),
            incoming = rows.incoming,
            unmade = rows.unmade(),
            deletes = rows.deletes(", cp"),
            upsert = rows.upsert(", cp"),
        );
        let advance = FLUSH_PARAMETERS
            .iter()
            .map(|p| (p.name.to_owned(), p.of_type.clone()));
        Sql::new(&text, advance.chain(rows.arrays()).collect())
    }

    /// A statement of rows without a checkpoint. `has_origin`: it writes where they came from.
    pub(crate) fn alone(
        &self,
        text: &str,
        arrays: impl Iterator<Item = (String, Type)>,
        has_origin: bool,
    ) -> Sql {
        let origin = [
            (PARTITION, parameters::PARTITION),
            (REVISION, parameters::REVISION),
        ];
        let origin = origin
            .into_iter()
            .filter(|(column, _)| has_origin && self.has(column));
        let origin = origin.map(|(_, name)| (name.to_owned(), Type::INT4));
        Sql::new(text, origin.chain(arrays).collect())
    }

    fn forget(&self, rows: &RowsSql<'_>, is_older: &str) -> Option<Sql> {
        if !self.tracks_absent() {
            return None;
        }
        let name = quote(ABSENT);
        let alive = self.is_marked().map(|marked| format!(" and not {marked}"));
        let unknown = format!("gristmill.absent_after(t.{name}, u.m, ''::bytea, true)");
        // A column that no event ever has is all that is unknown of most rows, and was before.
        let is_told = format!("t.{name} is not distinct from u.m");
        let text = format!(
            "update {} as t set {name} = {unknown} from (select {}) as u \
             where {} and not ({is_told}) and {is_older}{} and t.{name} is distinct from \
             {unknown}",
            self.target.own_rows,
            rows.unnested(),
            self.on(),
            alive.unwrap_or_default(),
        );
        Some(self.alone(&text, rows.arrays(), false))
    }

    /// The end of all rows that are older than the first of `rows`.
    fn truncate(&self, rows: &RowsSql<'_>) -> Option<Sql> {
        let kept = self.kept?;
        let is_older = self.guarded().stored("u.v", &self.event_time());
        let effect = match self.flag().filter(|_| self.marks_truncated()) {
            None => format!(
                "delete from {} as t using u where {is_older}",
                self.target.own_rows
            ),
            Some(flag) => {
                let fields = self.roles.order.iter().chain([&self.roles.event_time]);
                let fields = fields.filter_map(|name| self.position(name));
                let fields =
                    fields.filter_map(|i| Some((self.column(i)?.name.as_str(), self.value(i))));
                let provenance = self.provenance();
                let provenance = provenance
                    .iter()
                    .map(|(name, value)| (*name, value.clone()));
                let set = fields.chain(provenance);
                let set = set.map(|(name, value)| format!("{} = {value}", quote(name)));
                let set: Vec<String> = [format!("{flag} = true")].into_iter().chain(set).collect();
                format!(
                    "update {} as t set {} from u where not {} and {is_older}",
                    self.target.own_rows,
                    set.join(", "),
                    self.is_marked().unwrap_or_default(),
                )
            }
        };
        let text = format!(
            "with u as materialized (select {}), horizon as (update gristmill.target_table as z \
             set horizon = u.v from u where z.target = {} and (z.horizon is null or {})) {effect}",
            rows.unnested(),
            kept.target,
            self.guarded().versions("z.horizon", "u.v"),
        );
        Some(self.alone(&text, rows.arrays(), self.marks_truncated()))
    }

    /// Whether a truncate leaves rows that say so.
    fn marks_truncated(&self) -> bool {
        !self.deletes_for_good() && self.flag().is_some()
    }

    /// The event time of the rows `u`.
    pub(crate) fn event_time(&self) -> String {
        let i = self.position(&self.roles.event_time);
        i.map_or_else(|| "null".to_owned(), |i| format!("u.c{i}"))
    }

    /// What says where a row came from, by column.
    pub(crate) fn provenance(&self) -> Vec<(&'static str, String)> {
        // A guard that compares columns leaves no version behind that is older than the row.
        let version = match self.kept {
            Some(_) => "u.v",
            None => "null::bytea",
        };
        let provenance = [
            (PARTITION, ":partition"),
            (OFFSET, "u.o"),
            (VERSION, version),
            (REVISION, ":revision"),
        ];
        let provenance = provenance.into_iter().filter(|(name, _)| self.has(name));
        provenance
            .map(|(name, value)| (name, value.to_owned()))
            .collect()
    }
}

/// SQL that is true when the stored row (`t`) comes from no later record of the partition than the
/// version `new`.
fn is_no_later(new: &str) -> String {
    let old = format!("t.{}", quote(VERSION));
    let place =
        |version: &str| format!("(gristmill.log_of({version}), gristmill.offset_of({version}))");
    format!(
        "({old} is null or gristmill.partition_of({old}) <> gristmill.partition_of({new}) or {} <= \
         {})",
        place(&old),
        place(new)
    )
}

#[cfg(test)]
mod tests {
    use super::{FLUSH_PARAMETERS, WINDOW_RECORDS, numbered};

    /// A placeholder without a parameter, or the other way round, panics.
    #[test]
    fn the_flush_and_its_parameters_name_the_same() {
        let names = FLUSH_PARAMETERS.each_ref().map(|p| p.name);
        let text = numbered(
            &format!(
                include_str!("flush.sql"),
                window = WINDOW_RECORDS,
                written = "true",
                incoming = "",
                unmade = "",
                deletes = "",
                upsert = ""
            ),
            &names,
        );
        assert!(text.starts_with("with"), "{text}");
        assert!(!text.contains("--"), "comments are for readers");
    }
}
