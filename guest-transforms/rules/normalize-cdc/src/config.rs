//! What differs from one source to the next.
//!
//! The names of columns are names, whatever stands in them. A path is names between dots; one that
//! has a dot itself stands in quotation marks: `value.after."address.city"`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The document path of each column in each image of a row: before, after, the record's key, which
/// has the key's columns only, and only with tombstones, and none, which has what stands outside of
/// the images.
pub(crate) type Paths = [Vec<Option<String>>; 4];

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The columns that tell rows apart, in the order of the target's primary key.
    #[schemars(length(min = 1), inner(length(min = 1)), extend("uniqueItems" = true))]
    pub(crate) key: Vec<String>,
    /// Each column of a row with its type: boolean, int64, float64, text, bytes, timestamp(us),
    /// timestamp(ms), date, time(us), time(ms), uuid, decimal(p,s), decimal or json. The key's
    /// columns are among them. A name is one name in the event, also where it has a dot.
    #[schemars(extend("minProperties" = 1))]
    pub(crate) columns: BTreeMap<String, String>,
    /// The path of the operation: c (create), u (update), d (delete), r (read by a snapshot), t
    /// (truncate: the table was emptied), or as `ops` says.
    #[serde(default = "op")]
    pub(crate) op: String,
    /// What the source calls the operations `create`, `update`, `delete`, `read` and `truncate`:
    /// `{ create = "I" }`. Those that are not named keep their letter, and are known by their
    /// words, too: insert (or create), update, delete, read (or bootstrap-insert), truncate.
    #[serde(default)]
    pub(crate) ops: BTreeMap<Op, String>,
    /// The path of the row before the change. A name in a path that has a dot itself stands in
    /// quotation marks: `value."row.before"`.
    #[serde(default = "before")]
    pub(crate) before: String,
    /// The path of the row after the change.
    #[serde(default = "after")]
    pub(crate) after: String,
    /// The paths of columns that stand outside of the rows, `{ lsn = "value.source.lsn" }`: their
    /// value is that of the event, whichever row is taken.
    #[serde(default)]
    pub(crate) paths: BTreeMap<String, String>,
    /// What a column is that the event's row does not mention: `null`, or `absent`, which keeps
    /// what the table has. What the pipeline's `absent` names is absent in any case.
    #[serde(default)]
    pub(crate) missing: Missing,
    /// The path of the event time: text, or a number of milliseconds since the Unix epoch. Where
    /// the path does not end in `ms`, a number that would be in early 1970 is one of seconds.
    #[serde(default = "event_time")]
    pub(crate) event_time: String,
    /// The column that the event time is written to.
    #[serde(default = "event_time_column")]
    pub(crate) event_time_column: String,
    /// The column that says whether the row was deleted.
    #[serde(default = "deleted_column")]
    pub(crate) deleted_column: String,
    /// Whether a record with a key and nothing else deletes the row of that key: at its place in
    /// the topic, so at the highest event time before it. Needs `tombstone = "delete"` in the
    /// pipeline.
    #[serde(default)]
    pub(crate) tombstones: bool,
    /// The path of the object that has the key's columns in a record with a key and nothing else.
    #[serde(default = "key_path")]
    pub(crate) key_path: String,
    /// By what the newer of two rows of a key is known: `event-time`, then `order`; `order-first`,
    /// whatever the event time; or `offset`, the place in the topic.
    #[serde(default)]
    pub(crate) version: Version,
    /// Columns that grow with every change of a row, the first one first. A null is older than
    /// anything.
    #[serde(default)]
    pub(crate) order: Vec<String>,
    /// To be raised by one when the columns of `order` begin anew, as in a new server: then every
    /// row of now is newer than every row of before.
    #[serde(default)]
    pub(crate) epoch: u32,
}

/// What happened to a row, or to all.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum Op {
    Create,
    Update,
    Delete,
    Read,
    Truncate,
}

impl Op {
    /// All with their usual names.
    const ALL: [(Self, &'static str); 5] = [
        (Self::Create, "c"),
        (Self::Update, "u"),
        (Self::Delete, "d"),
        (Self::Read, "r"),
        (Self::Truncate, "t"),
    ];
}

impl Op {
    /// The operation that sources call so which write whole words, as Maxwell does.
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        Some(match word {
            "insert" | "create" => Self::Create,
            "update" => Self::Update,
            "delete" => Self::Delete,
            "read" | "bootstrap-insert" => Self::Read,
            "truncate" => Self::Truncate,
            _ => return None,
        })
    }
}

/// What a column is that the event's row does not mention.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum Missing {
    #[default]
    Null,
    Absent,
}

/// By what rows have versions, as the plan's attribute says it.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(crate) enum Version {
    #[default]
    EventTime,
    OrderFirst,
    Offset,
}

fn op() -> String {
    "value.op".into()
}

fn before() -> String {
    "value.before".into()
}

fn after() -> String {
    "value.after".into()
}

fn event_time() -> String {
    "value.timestamp_ms".into()
}

fn event_time_column() -> String {
    "updated_at".into()
}

fn key_path() -> String {
    "key".into()
}

fn deleted_column() -> String {
    "is_deleted".into()
}

impl Config {
    /// What the schema cannot say.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.key.is_empty() {
            return Err("`key` names no column: name those that tell rows apart".into());
        }
        if let Some(name) = self
            .key
            .iter()
            .find(|name| !self.columns.contains_key(*name))
        {
            return Err(format!(
                "`key` names `{name}`, which is not among `columns`: add it there with its type"
            ));
        }
        self.check_key_types()?;
        for own in [&self.event_time_column, &self.deleted_column] {
            if self.columns.contains_key(own) {
                return Err(format!(
                    "`columns` names `{own}`, which this rule writes itself: leave it out, or \
                     choose another `event_time_column` or `deleted_column`"
                ));
            }
        }
        if self.event_time_column == self.deleted_column {
            return Err("`event_time_column` and `deleted_column` are the same".into());
        }
        for (what, name) in self
            .paths
            .keys()
            .map(|name| ("paths", name))
            .chain(self.order.iter().map(|name| ("order", name)))
        {
            if !self.columns.contains_key(name) {
                return Err(format!(
                    "`{what}` names `{name}`, which is not among `columns`: add it there with its \
                     type"
                ));
            }
        }
        self.check_ops()?;
        self.check_version()
    }

    /// Numbers that events may spell in several ways tell no rows apart.
    fn check_key_types(&self) -> Result<(), String> {
        let typed = self
            .key
            .iter()
            .map(|name| (name, self.columns[name].as_str()));
        let is_spelt = |of: &str| of.starts_with("decimal") || matches!(of, "float64" | "json");
        let mut spelt = typed.filter(|(_, of)| is_spelt(of));
        spelt.next().map_or(Ok(()), |(name, of)| {
            Err(format!(
                "`key` names `{name}` of type {of}, which events may spell in several ways, as \
                 12.5 and 12.50, and a key has to be of a type with one form for each value: \
                 declare it as text where they spell it in one way, or as int64"
            ))
        })
    }

    fn check_ops(&self) -> Result<(), String> {
        let ops = self.ops();
        for (i, (op, word)) in ops.iter().enumerate() {
            if ops[..i].iter().any(|(_, other)| other == word) {
                return Err(format!(
                    "`ops` has `{word}` for {op:?} and for another operation: give each its own"
                )
                .to_lowercase());
            }
        }
        Ok(())
    }

    fn check_version(&self) -> Result<(), String> {
        let why = match self.version {
            Version::OrderFirst if self.order.is_empty() => {
                "`version` is order-first, and `order` names no column: name those that grow with \
                 every change"
            }
            Version::OrderFirst if self.tombstones => {
                "`version` is order-first, and a tombstone has no columns of `order`: leave \
                 `tombstones` out, or take version `offset`"
            }
            Version::Offset if !self.order.is_empty() => {
                "`version` is offset, so `order` decides nothing: leave it out"
            }
            _ => return Ok(()),
        };
        Err(why.to_owned())
    }

    /// What each operation is called.
    pub(crate) fn ops(&self) -> [(Op, &str); 5] {
        Op::ALL.map(|(op, usual)| (op, self.ops.get(&op).map_or(usual, String::as_str)))
    }

    /// The column that says that the table was emptied: no column of a row is called so.
    pub(crate) fn truncate_column(&self) -> String {
        let mut name = "_truncate".to_owned();
        while self.columns.contains_key(&name)
            || [&self.event_time_column, &self.deleted_column].contains(&&name)
        {
            name.insert(0, '_');
        }
        name
    }

    /// The paths of the key's columns in each place where it stands: before, after, and the
    /// record's key.
    pub(crate) fn key_paths(&self) -> impl Iterator<Item = String> {
        let images = [
            (&self.before, true),
            (&self.after, true),
            (&self.key_path, false),
        ];
        images.into_iter().flat_map(move |(path, is_inside)| {
            let own = move |name| self.paths.get(name).filter(|_| is_inside).cloned();
            let key = self.key.iter();
            key.map(move |name| own(name).unwrap_or_else(|| below(path, name)))
        })
    }

    /// The paths of the columns of each image.
    pub(crate) fn paths(&self) -> Paths {
        let own = |name: &String| self.paths.get(name).cloned();
        let image = |path: &str| -> Vec<Option<String>> {
            let names = self.columns.keys();
            names
                .map(|name| own(name).or_else(|| Some(below(path, name))))
                .collect()
        };
        let record_key = |name: &String| {
            let is_read = self.tombstones && self.key.contains(name);
            is_read.then(|| below(&self.key_path, name))
        };
        [
            image(&self.before),
            image(&self.after),
            self.columns.keys().map(record_key).collect(),
            self.columns.keys().map(own).collect(),
        ]
    }
}

/// The path of the member `name` of the object at `path`.
fn below(path: &str, name: &str) -> String {
    match name.is_empty() || name.contains('.') || name.starts_with('"') {
        false => format!("{path}.{name}"),
        true => {
            let name = name.replace('\\', "\\\\").replace('"', "\\\"");
            format!("{path}.\"{name}\"")
        }
    }
}
