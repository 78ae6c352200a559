//! The functions and operators for a page for people, from the table that expressions are made of.

use crate::function;

/// An overload.
#[derive(Debug)]
pub struct Entry {
    pub name: &'static str,
    /// `name(type, ..)`, or `type + type`.
    pub signature: String,
    /// The type of its value, as PostgreSQL calls it.
    pub gives: &'static str,
    pub is_operator: bool,
    /// Why it is not here, though PostgreSQL has it.
    pub refused: Option<&'static str>,
}

/// All overloads, those of one name one after the other.
pub fn entries() -> impl Iterator<Item = Entry> {
    function::all().map(|function| Entry {
        name: function.name,
        signature: function.signature(),
        gives: function.gives.short(),
        is_operator: function.is_operator(),
        refused: function.refused,
    })
}
