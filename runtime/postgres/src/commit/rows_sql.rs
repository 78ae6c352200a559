//! The SQL that writes rows, with the parts that a flush has around it.

use tokio_postgres::types::Type;

use crate::commit::stale_rows;
use crate::commit::target_shape::TargetShape;
use crate::table::identifier::{ABSENT, DELETED, OFFSET, VERSION, quote};
use crate::table::target_table::TargetColumn;
use crate::wire::column_array::sent_type;

/// Which rows the SQL is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowsKind {
    /// All is known of them, and none is deleted.
    Plain,
    /// Some lack cells, and none is deleted.
    Absent,
    /// Some are deleted, and some may lack cells.
    Deleted,
}

/// The parts.
pub(crate) struct RowsSql<'a> {
    shape: TargetShape<'a>,
    kind: RowsKind,
    /// Whether rows are held against tombstones.
    reads_tombstones: bool,
    /// Whether the keys of rows that are deleted have none.
    are_first: bool,
    /// When the stored row is looked up before the row is written; `None`: never.
    looked_up: Option<String>,
    /// The table expression `incoming`, with a comma behind it, where there is one.
    pub(crate) incoming: String,
    /// What rows are selected from.
    rows: String,
}

impl<'a> RowsSql<'a> {
    pub(crate) fn new(shape: &TargetShape<'a>, kind: RowsKind) -> Self {
        let mut rows = Self {
            shape: *shape,
            kind,
            reads_tombstones: false,
            are_first: false,
            looked_up: None,
            incoming: String::new(),
            rows: String::new(),
        };
        rows.looked_up = rows.looked_up();
        let source = rows.source();
        // Where they are read more than once.
        let is_shared = kind == RowsKind::Deleted
            && (shape.deletes_for_good() || rows.cannot_be_made().is_some());
        (rows.incoming, rows.rows) = match is_shared {
            true => (
                format!("incoming as materialized (\n{source}),\n"),
                "incoming".to_owned(),
            ),
            false => (String::new(), format!("({source})")),
        };
        rows
    }

    /// The same, for rows that must not bring back what is deleted.
    pub(crate) fn reading_tombstones(self) -> Self {
        Self {
            reads_tombstones: self.shape.kept.is_some(),
            ..self
        }
    }

    /// The same, where no key of a deleted row has a tombstone.
    pub(crate) fn writing_first_tombstones(self) -> Self {
        Self {
            are_first: true,
            ..self
        }
    }

    fn source(&self) -> String {
        let shape = &self.shape;
        let Some(looked_up) = &self.looked_up else {
            return format!("select {}{}", self.unnested(), self.horizon());
        };
        let values = shape.values();
        let values = values.map(|(i, column)| format!(", t.{} as k{i}", quote(&column.name)));
        let flag = shape.is_marked();
        let flag = flag.map(|marked| format!(", {marked} as was_deleted"));
        format!(
            include_str!("incoming.sql"),
            arrays = self.unnested() + &self.horizon(),
            stored = values.chain(flag).collect::<String>(),
            table = shape.target.own_rows,
            looked_up = looked_up,
            on = shape.on(),
        )
    }

    /// The version below which nothing is written, as one more column. It is looked up once a
    /// statement; a join would be asked for each row.
    fn horizon(&self) -> String {
        let kept = self.shape.kept;
        let kept = kept.filter(|_| self.shape.roles.truncate.is_some());
        kept.map_or_else(String::new, |kept| {
            format!(
                ", (select z.horizon from gristmill.target_table as z where z.target = {}) as h",
                kept.target
            )
        })
    }

    /// A row whose cells are kept is looked at by Postgres as if it were new: where that would
    /// refuse it, it needs the stored cells. One that is deleted for good is not written.
    fn looked_up(&self) -> Option<String> {
        let of_written = self.looked_up_where_written()?;
        Some(match self.takes_out() {
            true => format!("not {} and ({of_written})", self.deleted()),
            false => of_written,
        })
    }

    fn looked_up_where_written(&self) -> Option<String> {
        let (shape, deleted) = (&self.shape, self.deleted());
        let is_marked = self.kind == RowsKind::Deleted && !shape.deletes_for_good();
        if self.kind == RowsKind::Plain {
            return None;
        }
        if shape.target.looks_at_new_rows() {
            return Some(match is_marked {
                true => format!("u.m is not null or {deleted}"),
                false => "u.m is not null".to_owned(),
            });
        }
        let required = shape.values().filter(|(_, column)| column.not_null);
        let required = required.flat_map(|(i, column)| {
            let is_absent = (!column.has_default).then(|| self.absent("u.m", i));
            let is_null = is_marked.then(|| format!("{deleted} and u.c{i} is null"));
            is_absent.into_iter().chain(is_null)
        });
        let required: Vec<String> = required.collect();
        (!required.is_empty()).then(|| required.join(" or "))
    }

    fn are_masked(&self) -> bool {
        self.kind != RowsKind::Plain
    }

    /// The arrays that rows are sent as, with their types: offsets where the target has a column
    /// for them, versions where they are compared, which cells are absent, then the fields. Their
    /// names are numbers, so that no column's name can clash.
    pub(crate) fn arrays(&self) -> impl Iterator<Item = (String, Type)> {
        let offsets = self
            .shape
            .has(OFFSET)
            .then(|| ("o".to_owned(), Type::INT8_ARRAY));
        let versions = self.shape.kept.map(|_| ("v".to_owned(), Type::BYTEA_ARRAY));
        let masks = self
            .are_masked()
            .then(|| ("m".to_owned(), Type::BYTEA_ARRAY));
        let fields = self.shape.sent(self.kind == RowsKind::Deleted).into_iter();
        let types = self.shape.fields;
        let columns = fields.map(|i| (format!("c{i}"), sent_type(types[i].logical_type)));
        let before = offsets.into_iter().chain(versions).chain(masks);
        before.chain(columns)
    }

    /// The arrays as a select list.
    pub(crate) fn unnested(&self) -> String {
        let arrays = self.arrays();
        let arrays = arrays.map(|(name, _)| format!("pg_catalog.unnest(:{name}) as {name}"));
        arrays.collect::<Vec<_>>().join(", ")
    }

    /// Rows without anything around them.
    pub(crate) fn alone(&self) -> String {
        let before = format!("{}{}", self.incoming, self.deletes(""));
        match before.trim_end().trim_end_matches(',') {
            "" => self.upsert(""),
            before => format!("with {before}\n{}", self.upsert("")),
        }
    }

    /// The table expressions that delete rows for good and leave tombstones, with a comma behind
    /// the last.
    pub(crate) fn deletes(&self, and_checkpoint: &str) -> String {
        let shape = &self.shape;
        let buried = match self.takes_out() {
            true => Some(self.deleted()),
            false => self.cannot_be_made(),
        };
        let buried = buried.and_then(|of| {
            let are_first = self.are_first;
            shape.tombstones("incoming", and_checkpoint, &of, are_first)
        });
        let tombstones = buried.map(|insert| format!("tombstones as (\n{insert}),\n"));
        let gone = self.takes_out().then(|| {
            format!(
                include_str!("gone.sql"),
                table = shape.target.own_rows,
                and_checkpoint = and_checkpoint,
                deleted = self.deleted(),
                on = shape.on(),
                guard = shape.guarded().stored("u.v", &shape.event_time()),
                stale = stale_rows::COUNTED,
            )
        });
        gone.into_iter().chain(tombstones).collect()
    }

    /// That rows were written as they must be, else an error.
    pub(crate) fn written(&self) -> String {
        let kept = self.shape.kept.filter(|_| !self.reads_tombstones);
        let Some(kept) = kept else {
            return "true".to_owned();
        };
        format!(
            "case when exists (select from gristmill.tombstone as s where s.target = {}) then \
             gristmill.heed() else true end",
            kept.target
        )
    }

    /// How many rows are left out, as a number to be added.
    pub(crate) fn unmade(&self) -> String {
        self.cannot_be_made().map_or_else(String::new, |condition| {
            format!(" + (select pg_catalog.count(*) from incoming as u where {condition})")
        })
    }

    /// Rows under the guard, beside `and_checkpoint` in the from clause.
    pub(crate) fn upsert(&self, and_checkpoint: &str) -> String {
        let shape = &self.shape;
        let key: Vec<_> = shape.roles.key.iter().map(|k| quote(k)).collect();
        let columns = self.columns();
        // A key that is the same is written anew only where it may be spelt otherwise: a lock on
        // keys stops whoever refers to the row.
        let spelt = shape.key().filter(|(_, column)| column.has_spellings());
        let spelt: Vec<String> = spelt.map(|(_, column)| quote(&column.name)).collect();
        let is_kept = |name: &String| key.contains(name) && !spelt.contains(name);
        let assignments = columns.iter().filter(|column| !is_kept(&column.name));
        let assignments = assignments.map(|c| format!("{} = {}", c.name, c.assigned));
        let identities = shape.target.columns.iter().filter(|c| c.identity_always);
        let overriding = match identities.filter(|c| key.contains(&quote(&c.name))).count() {
            0 => "",
            _ => " overriding system value",
        };
        let list =
            |of: fn(&ColumnSql) -> &str| columns.iter().map(of).collect::<Vec<_>>().join(", ");
        format!(
            include_str!("upsert.sql"),
            table = shape.target.sql_name,
            columns = list(|c| &c.name),
            overriding = overriding,
            values = list(|c| &c.value),
            rows = self.rows,
            joins = self.joins(),
            and_checkpoint = and_checkpoint,
            filter = self.filter(),
            key = key.join(", "),
            assignments = assignments.collect::<Vec<_>>().join(", "),
            guard = shape.guarded().sql(),
            stale = stale_rows::COUNTED,
        )
    }

    /// What rows must not be older than, beside the row that is stored.
    fn joins(&self) -> String {
        let shape = &self.shape;
        let mut joins = String::new();
        let Some(kept) = shape.kept else {
            return joins;
        };
        if self.reads_tombstones {
            joins.push_str(&format!(
                " left join lateral (select d.version from gristmill.tombstone as d where \
                 d.target = {} and d.key = {} limit 1) as d on true",
                kept.target,
                shape.key_texts()
            ));
        }
        if self.takes_out() {
            // Counting makes sure that a value which must be unique is given up before another row
            // takes it.
            joins.push_str(", (select pg_catalog.count(*) from gone) as deleted_first");
        }
        joins
    }

    fn filter(&self) -> String {
        let shape = &self.shape;
        let newer = |version: &str| {
            let versions = shape.guarded().versions(version, "u.v");
            format!("({version} is null or {versions})")
        };
        let mut filter = Vec::new();
        if self.takes_out() {
            filter.push(format!("not {}", self.deleted()));
        }
        filter.extend(
            self.cannot_be_made()
                .map(|condition| format!("({condition}) is not true")),
        );
        if self.reads_tombstones {
            filter.push(newer("d.version"));
        }
        if !self.horizon().is_empty() {
            filter.push(newer("u.h"));
        }
        match filter.is_empty() {
            true => "true".to_owned(),
            false => filter.join(" and "),
        }
    }

    /// Whether some rows are deleted for good.
    fn takes_out(&self) -> bool {
        self.kind == RowsKind::Deleted && self.shape.deletes_for_good()
    }

    /// That the row `u` is deleted.
    fn deleted(&self) -> String {
        let i = self.shape.deleted();
        let i = i.filter(|_| self.kind == RowsKind::Deleted);
        i.map_or_else(
            || "false".to_owned(),
            |i| format!("coalesce(u.c{i}, false)"),
        )
    }

    /// That there is no row to be marked as deleted, and that none can be made: a source that sends
    /// only the key of what it deletes says nothing of columns which may not be null.
    fn cannot_be_made(&self) -> Option<String> {
        let shape = &self.shape;
        if self.kind != RowsKind::Deleted || shape.deletes_for_good() {
            return None;
        }
        let required = shape.values().filter(|(_, column)| column.not_null);
        let required = required.map(|(i, column)| match column.has_default {
            true => format!("u.c{i} is null and ({}) is not true", self.absent("u.m", i)),
            false => format!("u.c{i} is null"),
        });
        let required: Vec<String> = required.collect();
        (!required.is_empty()).then(|| {
            format!(
                "{} and u.stored is null and ({})",
                self.deleted(),
                required.join(" or ")
            )
        })
    }

    /// That the field at `i` is absent, by `mask`; null where nothing is.
    fn absent(&self, mask: &str, i: usize) -> String {
        format!("pg_catalog.get_bit({mask}, {}) = 1", self.shape.bit(i))
    }

    /// Each column that is written: the fields, then what gristmill keeps for itself.
    fn columns(&self) -> Vec<ColumnSql> {
        let shape = &self.shape;
        let is_value = |i: usize| shape.values().any(|(value, _)| value == i);
        let fields = (0..shape.fields.len()).filter_map(|i| Some((i, shape.column(i)?)));
        let fields = fields.map(|(i, column)| match self.are_masked() && is_value(i) {
            true => self.kept_value(i, column),
            false => ColumnSql::new(&column.name, shape.value(i)),
        });
        let mut columns: Vec<ColumnSql> = fields.collect();
        let provenance = shape.provenance().into_iter();
        columns.extend(provenance.map(|(name, value)| ColumnSql::new(name, value)));
        if shape.has(DELETED) && shape.flag().is_some() {
            columns.push(ColumnSql::new(DELETED, self.deleted()));
        }
        if shape.tracks_absent() {
            columns.push(self.absent_bits());
        }
        columns
    }

    /// A column that keeps what it has where the source did not send it, or says that the row is
    /// deleted.
    fn kept_value(&self, i: usize, column: &TargetColumn) -> ColumnSql {
        let shape = &self.shape;
        let name = quote(&column.name);
        let default = column.default.as_deref().unwrap_or("null");
        let (sent, is_absent) = (shape.value(i), self.absent("u.m", i));
        let flag = shape.flag();
        let marks = self.kind == RowsKind::Deleted && !shape.deletes_for_good();
        let is_new_life = self.is_new_life();
        let stored = self.looked_up.as_ref().map(|_| {
            let lives = flag.as_ref().map_or("", |_| "not u.was_deleted and ");
            let is_kept = match marks {
                true => format!("({} or {lives}{is_absent})", self.deleted()),
                false => format!("{lives}{is_absent}"),
            };
            format!(" when u.stored and {is_kept} then u.k{i}")
        });
        let value = format!(
            "case{} when {is_absent} then {default} else {sent} end",
            stored.unwrap_or_default()
        );
        let if_absent = match shape.tracks_absent() {
            true => format!(
                " when {} then {}",
                self.absent(&format!("excluded.{}", quote(ABSENT)), i),
                match is_new_life {
                    Some(is) => format!("case when {is} then {default} else t.{name} end"),
                    None => format!("t.{name}"),
                }
            ),
            false => String::new(),
        };
        let if_deleted = match flag.filter(|_| marks) {
            Some(flag) => format!(" when coalesce(excluded.{flag}, false) then t.{name}"),
            None => String::new(),
        };
        let assigned = match if_deleted.is_empty() && if_absent.is_empty() {
            true => format!("excluded.{name}"),
            false => format!("case{if_deleted}{if_absent} else excluded.{name} end"),
        };
        ColumnSql {
            name,
            value,
            assigned,
        }
    }

    /// That the stored row `t` is of a life that is over. Where rows are deleted for good, an older
    /// one may have come beside its tombstone, from another session. Only a tombstone by this rule
    /// of versions can be compared with rows of all rules.
    fn is_new_life(&self) -> Option<String> {
        let shape = &self.shape;
        let is_marked = shape.is_marked();
        let kept = shape
            .kept
            .filter(|_| self.reads_tombstones && shape.deletes_for_good());
        let is_gone = kept.map(|kept| {
            let stored = format!("t.{}", quote(VERSION));
            format!(
                "exists (select from gristmill.tombstone as s where s.target = {} and s.key = {} \
                 and pg_catalog.get_byte(s.version, 0) = {} and {})",
                kept.target,
                shape.stored_key_texts(),
                kept.rule,
                shape.guarded().versions(&stored, "s.version"),
            )
        });
        let either: Vec<String> = is_marked.into_iter().chain(is_gone).collect();
        (!either.is_empty()).then(|| format!("({})", either.join(" or ")))
    }

    /// The column that says which cells nobody knows.
    fn absent_bits(&self) -> ColumnSql {
        let (name, all) = (quote(ABSENT), self.shape.all_bits());
        if !self.are_masked() {
            return ColumnSql {
                value: "null::bytea".to_owned(),
                assigned: format!(
                    "case when t.{name} is not null then gristmill.absent_after(t.{name}, null, \
                     {all}, false) end"
                ),
                name,
            };
        }
        let later = self.shape.later();
        let stored = later.unknown();
        let after = |sent: &str, is_new_life: &str| {
            format!("gristmill.absent_after({stored}, {sent}, {all}, {is_new_life})")
        };
        let is_known = later
            .any_is_later()
            .map_or_else(String::new, |is_later| format!(" and not {is_later}"));
        let is_known = format!("t.{name} is null{is_known}");
        let sent = format!("excluded.{name}");
        let is_new_life = self.is_new_life().unwrap_or_else(|| "false".to_owned());
        let assigned = match self.shape.flag() {
            Some(flag) => {
                let kept = match self.kind == RowsKind::Deleted {
                    true => format!(" when coalesce(excluded.{flag}, false) then {stored}"),
                    false => String::new(),
                };
                format!(
                    "case{kept} when {is_known} then case when {is_new_life} then {sent} end else \
                     {} end",
                    after(&sent, &is_new_life)
                )
            }
            None => format!(
                "case when not ({is_known}) or {is_new_life} then {} end",
                after(&sent, &is_new_life)
            ),
        };
        ColumnSql {
            name,
            value: "u.m".to_owned(),
            assigned,
        }
    }
}

/// A column that is written.
struct ColumnSql {
    name: String,
    /// What a new row has in it.
    value: String,
    /// What a stored row gets.
    assigned: String,
}

impl ColumnSql {
    /// One that gets what arrives.
    fn new(name: &str, value: String) -> Self {
        let name = quote(name);
        Self {
            assigned: format!("excluded.{name}"),
            name,
            value,
        }
    }
}
