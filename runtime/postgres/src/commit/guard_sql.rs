//! The guard of an upsert: whether the stored row gives way to the one that arrives.

use gristmill_core::dedup::{VersionKind, VersionLayout};
use gristmill_core::plan::Roles;

use crate::table::identifier::{OFFSET, PARTITION, VERSION, quote};
use crate::table::target_table::{TargetColumn, TargetTable};

/// What the guard of a target compares.
#[derive(Clone, Copy)]
pub(crate) struct Guarded<'a> {
    pub(crate) target: &'a TargetTable,
    pub(crate) roles: &'a Roles,
    /// The rule of the versions that arrive; `None`: columns are compared.
    pub(crate) rule: Option<u8>,
}

impl Guarded<'_> {
    /// SQL that is true when the stored row (`t`) is not newer than the one that arrives
    /// (`excluded`). Equal counts as not newer, so that a row that is written again does no harm.
    pub(crate) fn sql(&self) -> String {
        let Some(rule) = self.rule else {
            return self.columns();
        };
        let (old, new) = (version("t"), version("excluded"));
        let unversioned = self.unversioned();
        if self.roles.version.kind == VersionKind::Offset {
            let versions = self.versions(&old, &new);
            return format!("case when {old} is null then {unversioned} else {versions} end");
        }
        // Of one rule's versions the bytes decide. Numbers begin at 1: below it there is none.
        let not_newer = match rule {
            0 | 1 => format!("{old} <= {new}"),
            _ => format!("{old} >= e'\\\\x{rule:02x}' and {old} <= {new}"),
        };
        format!(
            "case when {not_newer} then true when {old} is null then {unversioned} when \
             pg_catalog.get_byte({old}, 0) = {rule} then false else {other_rule} end",
            other_rule = other_rule(&old, &new, rule),
        )
    }

    /// SQL that is true when the version `old`, of whatever rule, is not newer than `new`, which is
    /// of this rule. Null where `old` is.
    pub(crate) fn versions(&self, old: &str, new: &str) -> String {
        let rule = self.rule.unwrap_or_default();
        let same_rule = match self.roles.version.kind {
            VersionKind::EventTime | VersionKind::OrderFirst => format!("{old} <= {new}"),
            // Offsets say nothing between partitions.
            VersionKind::Offset => format!(
                "case when pg_catalog.substr({old}, 6, 4) = pg_catalog.substr({new}, 6, 4) then \
                 {old} <= {new} else pg_catalog.substr({old}, 18, 8) || pg_catalog.substr({old}, \
                 6, 4) <= pg_catalog.substr({new}, 18, 8) || pg_catalog.substr({new}, 6, 4) end"
            ),
        };
        format!(
            "case when pg_catalog.get_byte({old}, 0) = {rule} then {same_rule} else {} end",
            other_rule(old, new, rule)
        )
    }

    /// SQL that is true when the stored row (`t`) is not newer than the version `new` with the
    /// event time `event_time`. Of a row without a version its event time counts, where gristmill
    /// wrote it.
    pub(crate) fn stored(&self, new: &str, event_time: &str) -> String {
        let old = version("t");
        let time = &self.roles.event_time;
        let unversioned = match self.has(PARTITION) && self.has(OFFSET) && self.has(time) {
            true => format!(
                "(t.{} is null or t.{} <= {event_time})",
                quote(PARTITION),
                quote(time)
            ),
            false => "true".to_owned(),
        };
        let versions = self.versions(&old, new);
        format!("case when {old} is null then {unversioned} else {versions} end")
    }

    /// A row without `_gm_version`: where it says by `_gm_partition` and `_gm_offset` that
    /// gristmill wrote it, those count, with what else its guard compared then. Somebody else's row
    /// is older than everything.
    fn unversioned(&self) -> String {
        if !(self.has(PARTITION) && self.has(OFFSET)) {
            return "true".to_owned();
        }
        let of = |table: &str, name: &str| format!("{table}.{}", quote(name));
        let somebodys = format!(
            "{} is null or {} is null",
            of("t", PARTITION),
            of("t", OFFSET)
        );
        if self.target.may_be_set(&self.columns_compared()).is_none() {
            return format!("{somebodys} or {}", self.columns());
        }
        // A trigger may have changed what the guard compared: only the place in the log is sure.
        let new = version("excluded");
        format!(
            "case when {somebodys} then true when {} = {} and {} = e'\\\\x00000001' then {} <= {} \
             else {} end",
            of("t", PARTITION),
            of("excluded", PARTITION),
            tail(&new, place_from_end(self.rule.unwrap_or_default()), 4),
            of("t", OFFSET),
            of("excluded", OFFSET),
            self.tuple(&self.columns_compared()[..1]),
        )
    }

    /// Versions are tuples of columns.
    fn columns(&self) -> String {
        self.tuple(&self.columns_compared())
    }

    /// The columns that make a version where there is no `_gm_version`.
    pub(crate) fn columns_compared(&self) -> Vec<&str> {
        compared(self.target, self.roles)
    }

    /// Compares column by column, null before everything. Rows that others wrote have no partition
    /// and offset: null, so a tie goes to the incoming row.
    fn tuple(&self, names: &[&str]) -> String {
        let guard = names.iter().rev().fold(None, |rest: Option<String>, name| {
            let (old, new) = (
                self.comparable("t", name),
                self.comparable("excluded", name),
            );
            let not_null = self.target.column(name).is_some_and(|c| c.not_null);
            Some(match (rest, not_null) {
                (None, true) => format!("{old} <= {new}"),
                (None, false) => format!("({old} <= {new} or {old} is null)"),
                (Some(rest), true) => format!("({old} < {new} or ({old} = {new} and {rest}))"),
                (Some(rest), false) => {
                    format!(
                        "({old} < {new} or ({old} is null and {new} is not null) or ({old} is not \
                         distinct from {new} and {rest}))"
                    )
                }
            })
        });
        guard.unwrap_or_else(|| "true".to_owned())
    }

    fn has(&self, name: &str) -> bool {
        self.target.column(name).is_some()
    }

    /// Text is ordered by bytes, as the host orders it.
    fn comparable(&self, table: &str, name: &str) -> String {
        let textual = |c: &TargetColumn| {
            matches!(
                c.base_type.as_str(),
                "text" | "character varying" | "bpchar"
            )
        };
        let collate = if self.target.column(name).is_some_and(textual) {
            " collate \"C\""
        } else {
            ""
        };
        format!("{table}.{}{collate}", quote(name))
    }
}

/// The columns of `target` that make a version where `_gm_version` does not.
pub(crate) fn compared<'a>(target: &TargetTable, roles: &'a Roles) -> Vec<&'a str> {
    let mut names: Vec<&str> = vec![&roles.event_time];
    names.extend(roles.order.iter().map(String::as_str));
    names.retain(|name| target.column(name).is_some());
    if target.column(PARTITION).is_some() && target.column(OFFSET).is_some() {
        names.extend([PARTITION, OFFSET]);
    }
    names
}

fn version(table: &str) -> String {
    format!("{table}.{}", quote(VERSION))
}

/// `length` bytes of `version`, from the one that is `from_end` bytes before its end.
fn tail(version: &str, from_end: usize, length: usize) -> String {
    format!(
        "pg_catalog.substr({version}, pg_catalog.length({version}) - {}, {length})",
        from_end - 1
    )
}

/// How many bytes before its end the place in the log begins, in a version of `rule`.
fn place_from_end(rule: u8) -> usize {
    match rule {
        VersionLayout::TIME_LAST..=VersionLayout::RULE_MAX => 24,
        _ => 16,
    }
}

/// Versions of two rules have a time and the record's place in common: of one log and partition the
/// offsets decide, else the times. `new` is of `rule`, `old` of any other.
fn other_rule(old: &str, new: &str, rule: u8) -> String {
    let has_time_last = format!(
        "pg_catalog.get_byte({old}, 0) between {} and {}",
        VersionLayout::TIME_LAST,
        VersionLayout::RULE_MAX
    );
    let new_place = place_from_end(rule);
    let time = |version: &str, is_last: bool| match is_last {
        true => tail(version, 8, 8),
        false => format!("pg_catalog.substr({version}, 2, 8)"),
    };
    let compare = |old_place: usize| {
        format!(
            "case when {} = {} then {} <= {} else {} <= {} end",
            tail(old, old_place, 8),
            tail(new, new_place, 8),
            tail(old, old_place - 8, 8),
            tail(new, new_place - 8, 8),
            time(old, old_place == 24),
            time(new, new_place == 24),
        )
    };
    format!(
        "case when {has_time_last} then {} else {} end",
        compare(24),
        compare(16)
    )
}
