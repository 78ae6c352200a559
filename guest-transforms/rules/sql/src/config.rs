//! What a rule is told.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Each column that expressions name, with its type: boolean, int64, float64, text, bytes,
    /// timestamp(us), timestamp(ms), date, time(us), time(ms), uuid, decimal(p,s), decimal or json.
    /// In a rule with `roles` also with its path in the document: `{ path = "value.after.email",
    /// type = "text" }`.
    #[serde(default)]
    pub(crate) reads: BTreeMap<String, Read>,
    /// Each column that is written, with its expression. An expression may name columns of `reads`,
    /// what `joins` take, and other columns of `writes`.
    #[serde(default)]
    pub(crate) writes: BTreeMap<String, String>,
    /// Codes of dead letters, in kebab-case, with conditions: a row for which one is true becomes a
    /// dead letter of that code.
    #[serde(default)]
    pub(crate) rejects: BTreeMap<String, String>,
    /// Dimensions that are looked up, with the columns to look up by and those to take.
    #[serde(default)]
    pub(crate) joins: BTreeMap<String, Lookup>,
    /// Columns of `writes` by which the newest row of each key is kept: they make the rule a
    /// normalizer, the first transform of a pipeline.
    #[serde(default)]
    pub(crate) roles: Option<Roles>,
}

/// A column that is read: its type, or its path and its type.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(crate) enum Read {
    Type(String),
    Path(PathRead),
}

#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub(crate) struct PathRead {
    /// The path in the document: `value.after.email`, `key.id`, `header.trace`, `meta.offset`.
    pub(crate) path: String,
    /// The type, as in the short form.
    pub(crate) r#type: String,
}

#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub(crate) struct Lookup {
    /// The column, or the columns, that have the dimension's key, in its order.
    pub(crate) on: Columns,
    /// The dimension's columns to take, with their types. Null where no row has the key.
    #[schemars(extend("minProperties" = 1))]
    pub(crate) take: BTreeMap<String, String>,
}

#[derive(Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(crate) enum Columns {
    One(String),
    Several(Vec<String>),
}

impl Columns {
    pub(crate) fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(column) => vec![column],
            Self::Several(columns) => columns,
        }
    }
}

#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub(crate) struct Roles {
    /// The columns that tell rows apart, in the order of the target's primary key. A row in which
    /// one is null is a dead letter, `missing-key`.
    #[schemars(length(min = 1))]
    pub(crate) key: Vec<String>,
    /// The column that tells versions of a row apart: a timestamp. A row in which it is null is a
    /// dead letter, `missing-time`.
    pub(crate) event_time: String,
    /// The column that says whether the row was deleted. Null means that it was not.
    #[serde(default)]
    pub(crate) deleted: Option<String>,
    /// Columns that decide between equal event times, the first one first.
    #[serde(default)]
    pub(crate) order: Vec<String>,
    /// Objects of the document whose columns are null where they are missing: `value.after`.
    /// Elsewhere a missing value is absent, and the table keeps what it has.
    #[serde(default)]
    pub(crate) missing_is_null: Vec<String>,
}

impl Config {
    /// What no type says.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.writes.is_empty() && self.rejects.is_empty() {
            return Err(
                "`writes` names no column, and `rejects` no code: write an expression for \
                        each column"
                    .to_owned(),
            );
        }
        let taken = |name: &String| self.joins.values().any(|join| join.take.contains_key(name));
        for name in self
            .reads
            .keys()
            .chain(self.joins.values().flat_map(|join| join.take.keys()))
        {
            if self.writes.contains_key(name) && !self.is_passed_on(name) {
                return Err(format!(
                    "`{name}` is read and written: give what is written another name"
                ));
            }
        }
        if let Some(name) = self.reads.keys().find(|name| taken(name)) {
            return Err(format!(
                "`{name}` is read, and a join takes it: name it once"
            ));
        }
        if self.roles.is_some() && !self.joins.is_empty() {
            return Err(
                "a rule with `roles` reads documents, and joins nothing: join in a transform \
                        after it"
                    .to_owned(),
            );
        }
        self.check_reads()?;
        self.check_codes()
    }

    /// Whether a column is written as it comes: what a join takes, and what a document has.
    pub(crate) fn is_passed_on(&self, name: &str) -> bool {
        self.writes
            .get(name)
            .is_some_and(|text| text.trim() == name)
    }

    fn check_reads(&self) -> Result<(), String> {
        for (name, read) in &self.reads {
            match (read, self.roles.is_some()) {
                (Read::Type(of_type), true) => {
                    return Err(format!(
                        "`reads.{name}` has no path, and a rule with `roles` reads documents: \
                         write `{name} = {{ path = \"value.after.{name}\", type = \"{of_type}\" }}`"
                    ));
                }
                (Read::Path(read), false) => {
                    return Err(format!(
                        "`reads.{name}` has a path, and a rule without `roles` reads columns: \
                         write `{name} = \"{}\"`",
                        read.r#type
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn check_codes(&self) -> Result<(), String> {
        for code in self.rejects.keys() {
            let is_kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            if code.is_empty() || !code.chars().all(is_kebab) {
                return Err(format!(
                    "`rejects` has the code `{code}`: write it in kebab-case"
                ));
            }
            if let Some(own) = OWN_CODES.iter().find(|own| *own == code) {
                return Err(format!(
                    "`rejects` has the code `{own}`, which the rule uses itself: take another one"
                ));
            }
        }
        Ok(())
    }
}

/// An expression failed.
pub(crate) const SQL_ERROR: &str = "sql-error";
/// A column of the key has no value.
pub(crate) const MISSING_KEY: &str = "missing-key";
/// The event time has no value.
pub(crate) const MISSING_TIME: &str = "missing-time";
const OWN_CODES: [&str; 3] = [SQL_ERROR, MISSING_KEY, MISSING_TIME];
