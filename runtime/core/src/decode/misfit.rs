//! Reads that no record of a schema can answer.

use super::trie::Trie;

/// So many steps a program may have: the widest table of Postgres, 1,600 columns, needs some
/// thousands.
pub(crate) const STEPS_MAX: usize = 65_536;

/// Reads as a program for the values of one schema.
#[derive(Debug)]
pub(crate) struct CompiledReads<P> {
    pub(crate) program: P,
    /// What every value is at fault for.
    pub(crate) mismatches: Vec<Misfit>,
    /// The reads that values never have.
    pub(crate) missing: Vec<String>,
}

/// A read, and what the schema has in its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: declared {declared}, and it has {found}")]
pub(crate) struct Misfit {
    pub(crate) path: String,
    pub(crate) declared: String,
    pub(crate) found: String,
}

impl Misfit {
    /// That of the reads at and below a place.
    pub(crate) fn new(trie: &Trie, at: usize, found: String) -> Self {
        let node = &trie.nodes[at];
        let declared = match node.leaf {
            Some(leaf) => leaf.logical_type.to_string(),
            None => "a record or a map".to_owned(),
        };
        Self {
            path: node.path.clone(),
            declared,
            found,
        }
    }
}
