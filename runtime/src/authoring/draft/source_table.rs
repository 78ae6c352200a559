//! What is known of the table that a topic's events come from.

use gristmill_postgres::table::catalogue::Catalogue;

/// The table that a topic's events come from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceTable {
    pub shape: Shape,
    /// In the table's order.
    pub columns: Vec<SourceColumn>,
    /// The columns that tell rows apart; none where that is not known.
    pub key: Vec<String>,
    /// Whether the records say what their types are.
    pub has_schemas: bool,
    /// Whether decimals stand in the records by their digits, which Debezium does not by default.
    pub has_digits: bool,
    /// Whether the records say their place in Postgres' log.
    pub has_log_places: bool,
    /// Whether a delete tells the whole row.
    pub has_full_before: bool,
    /// What is known from where, and what is not, a sentence each.
    pub notes: Vec<String>,
}

/// What a record's value is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    #[default]
    Envelope,
    /// The row alone. `has_deletes`: a delete is a value that says so, too.
    Flat { has_deletes: bool },
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceColumn {
    pub name: String,
    /// As Postgres spells it.
    pub type_name: String,
    /// What is not certain about it.
    pub note: Option<String>,
    /// Whether the events have no value of it that could be used.
    pub is_left_out: bool,
}

impl SourceColumn {
    /// A column of a type that is certain.
    pub fn certain(name: &str, type_name: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            type_name: type_name.into(),
            note: None,
            is_left_out: false,
        }
    }

    /// The same with something that is not certain.
    pub fn with_note(self, note: impl Into<String>) -> Self {
        Self {
            note: Some(note.into()),
            ..self
        }
    }
}

impl SourceTable {
    /// What a target that is made for it would offer.
    pub fn catalogue(&self) -> Catalogue {
        let columns = self.columns.iter().filter(|column| !column.is_left_out);
        Catalogue {
            columns: columns
                .map(|column| (column.name.clone(), column.type_name.clone()))
                .collect(),
            key: self.key.clone(),
        }
    }
}
