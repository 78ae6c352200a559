//! What a transform declares before a row flows. The Rust side of `plan` in `wit/transform.wit`;
//! its comments hold here.

use crate::column::Field;
use crate::dedup::VersionRule;

/// The columns that the host needs to keep the newest row of each key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    pub key: Vec<String>,
    /// A `timestamp(us)` or `timestamp(ms)` column.
    pub event_time: String,
    /// A boolean column.
    pub deleted: Option<String>,
    /// Breaks ties between equal event times, first column first; the host adds partition and
    /// offset.
    pub order: Vec<String>,
    /// By what rows have versions: the plan's attributes `version` and `epoch`.
    pub version: VersionRule,
    /// The plan's attribute `truncate`: a boolean column, never null, that no target has. Where it
    /// is true the row says that the source table was emptied: of its other columns only event time
    /// and order count.
    pub truncate: Option<String>,
    /// The plan's attributes `old-key`, parallel to the key and of its types: columns that no
    /// target has. Where they are not null the row had this key before, and what its event leaves
    /// out is what that row had.
    pub old_key: Vec<String>,
}

impl Roles {
    /// Whether the column says which row it is, which version of it, or what became of it.
    pub fn include(&self, name: &str) -> bool {
        let versioned = self.order.iter().chain([&self.event_time]);
        let mut all = self.key.iter().chain(versioned).chain(&self.deleted);
        all.any(|role| role == name) || self.is_of_event(name)
    }

    /// Whether no target has the column, as it says something of the event alone.
    pub fn is_of_event(&self, name: &str) -> bool {
        self.truncate
            .iter()
            .chain(&self.old_key)
            .any(|role| role == name)
    }
}

/// A lookup that the host makes before each call. No match: the taken columns are null.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    pub dimension: String,
    /// Columns of the batch, in the order of the dimension's key.
    pub on: Vec<String>,
    pub take: Vec<Field>,
}

/// What a transform reads, asks for, writes and may reject.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    pub reads: Vec<Field>,
    pub joins: Vec<Join>,
    pub writes: Vec<Field>,
    /// Some for a normalizer, none for an enricher.
    pub roles: Option<Roles>,
    pub reject_codes: Vec<String>,
    pub attributes: Vec<(String, String)>,
}

impl Plan {
    /// The fields of the batch that `apply` gets: `reads`, then what each join takes.
    pub fn input_fields(&self) -> impl Iterator<Item = &Field> {
        self.reads
            .iter()
            .chain(self.joins.iter().flat_map(|j| &j.take))
    }
}
