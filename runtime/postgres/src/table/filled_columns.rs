//! The columns that a pipeline has from its target's table, and what became of them there.

use std::collections::BTreeMap;
use std::fmt;

use crate::table::catalogue::Catalogue;

/// Columns of a table, each with its type as [`Catalogue`] spells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilledColumns(BTreeMap<String, String>);

/// What became of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilledChange {
    /// The table has it, and had not.
    New { name: String },
    /// The table has it no more.
    Gone { name: String },
    /// Its values stand in the events in another form now.
    Type {
        name: String,
        before: String,
        now: String,
    },
}

impl fmt::Display for FilledChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New { name } => write!(f, "{name} is new"),
            Self::Gone { name } => write!(f, "{name} is gone"),
            Self::Type { name, before, now } => write!(f, "{name} was {before} and is {now}"),
        }
    }
}

impl<N: Into<String>, T: Into<String>> FromIterator<(N, T)> for FilledColumns {
    fn from_iter<I: IntoIterator<Item = (N, T)>>(columns: I) -> Self {
        let columns = columns.into_iter();
        Self(columns.map(|(name, of)| (name.into(), of.into())).collect())
    }
}

impl FilledColumns {
    /// Whether nothing was left to the table.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What became of these columns where they are `now`.
    pub fn changes(&self, now: &Self) -> Vec<FilledChange> {
        let is_new = |(name, _): &(&String, &String)| !self.0.contains_key(*name);
        let new = now.0.iter().filter(is_new);
        let new = new.map(|(name, _)| FilledChange::New { name: name.clone() });
        let kept = self.0.iter().filter_map(|(name, before)| {
            let name = name.clone();
            let Some(now) = now.0.get(&name) else {
                return Some(FilledChange::Gone { name });
            };
            (!is_read_alike(before, now)).then(|| FilledChange::Type {
                name,
                before: before.clone(),
                now: now.clone(),
            })
        });
        kept.chain(new).collect()
    }

    /// That values of events would be read as the table had them, and no longer has them: by
    /// another scale, in another unit, or for a column that is gone. New columns hurt nobody.
    pub fn problem(&self, table: &str, now: &Catalogue) -> Option<String> {
        let now: Self = now.columns.iter().cloned().collect();
        let changes = self.changes(&now).into_iter();
        let changes: Vec<String> = changes
            .filter(|change| !matches!(change, FilledChange::New { .. }))
            .map(|change| change.to_string())
            .collect();
        (!changes.is_empty()).then(|| {
            format!(
                "the columns of the table {table} are no longer those that the active revision \
                 took from it: {}; `gristmill evolve FILE` takes them as they are now, once the \
                 source has them so, too",
                changes.join(", ")
            )
        })
    }
}

/// Whether values of both types stand alike in events. Where that is not known, they do not.
fn is_read_alike(before: &str, now: &str) -> bool {
    match (before.strip_suffix("[]"), now.strip_suffix("[]")) {
        (Some(before), Some(now)) => is_read_alike(before, now),
        (None, None) => before == now || form(before).is_some_and(|of| form(now) == Some(of)),
        _ => false,
    }
}

/// What stands for all types whose values stand alike in events.
fn form(type_name: &str) -> Option<&'static str> {
    let (name, modifier) = type_name.split_once('(').unwrap_or((type_name, ""));
    let has_zone = modifier.ends_with("with time zone");
    Some(match name {
        "smallint" | "integer" | "bigint" => "integer",
        "real" | "double precision" => "float",
        "text" | "character varying" | "character" | "citext" | "name" => "text",
        "json" | "jsonb" => "json",
        "timestamp with time zone" => "timestamp with time zone",
        // Debezium writes text, whatever the precision.
        "timestamp" if has_zone => "timestamp with time zone",
        "timestamp without time zone" => "timestamp without time zone",
        "time without time zone" => "time without time zone",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_that_is_read_otherwise_is_told_and_a_wider_one_is_not() {
        for (before, now) in [
            ("numeric(12,2)", "numeric(12,2)"),
            ("integer", "bigint"),
            ("character varying(20)", "character varying(40)"),
            ("character varying(20)", "text"),
            ("json", "jsonb"),
            ("timestamp(3) with time zone", "timestamp with time zone"),
            ("integer[]", "bigint[]"),
        ] {
            assert!(is_read_alike(before, now), "{before} {now}");
        }
        for (before, now) in [
            ("numeric(12,2)", "numeric(12,4)"),
            ("numeric(12,2)", "numeric"),
            (
                "timestamp(3) without time zone",
                "timestamp without time zone",
            ),
            ("timestamp without time zone", "timestamp with time zone"),
            ("time(0) without time zone", "time without time zone"),
            ("bit(4)", "bit(8)"),
            ("integer", "text"),
            ("integer", "integer[]"),
            ("numeric(12,2)[]", "numeric(12,4)[]"),
        ] {
            assert!(!is_read_alike(before, now), "{before} {now}");
        }
    }

    #[test]
    fn what_became_of_each_column_is_told() {
        let before: FilledColumns = [("id", "bigint"), ("price", "numeric(12,2)"), ("x", "text")]
            .into_iter()
            .collect();
        let now = [
            ("id", "bigint"),
            ("price", "numeric(12,4)"),
            ("new", "date"),
        ];
        let changes = before.changes(&now.into_iter().collect());
        let told: Vec<String> = changes.iter().map(ToString::to_string).collect();
        let expected = [
            "price was numeric(12,2) and is numeric(12,4)",
            "x is gone",
            "new is new",
        ];
        assert_eq!(told, expected);
        let catalogue = |columns: &[(&str, &str)]| Catalogue {
            columns: columns
                .iter()
                .map(|(name, of)| ((*name).to_owned(), (*of).to_owned()))
                .collect(),
            key: Vec::new(),
        };
        let problem = before.problem("t", &catalogue(&now)).unwrap();
        assert!(
            problem.contains("x is gone; `gristmill evolve FILE`"),
            "{problem}"
        );
        let more = [
            ("id", "integer"),
            ("price", "numeric(12,2)"),
            ("x", "text"),
            ("y", "text"),
        ];
        assert_eq!(before.problem("t", &catalogue(&more)), None);
    }
}
