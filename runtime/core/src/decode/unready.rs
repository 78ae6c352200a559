//! Records that cannot be decoded before somebody has told their schemas.

use std::collections::BTreeSet;

use super::format::framed::{NotYet, SchemaMismatch, WantedSchema};
use super::reads::Reads;
use crate::record::Records;

/// How many records of a batch can be decoded, and why not more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unready {
    /// The records before this one can.
    pub records: usize,
    pub because: Unreadiness,
}

/// Why a record cannot be decoded yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadiness {
    /// These schemas are not known, which it and later records name; each once.
    Missing(Vec<WantedSchema>),
    /// Its schema does not fit: the partition halts before it.
    Mismatch(SchemaMismatch),
}

impl Unready {
    /// `None`: all records can be decoded.
    pub(super) fn of(reads: &Reads, records: &Records) -> Option<Self> {
        let mut missing = BTreeSet::new();
        let mut first = None;
        for (at, record) in records.iter().enumerate() {
            match reads.look(&record) {
                Ok(()) => {}
                Err((part, NotYet::Missing(id))) => {
                    missing.insert(WantedSchema { part, id });
                    first.get_or_insert(at);
                }
                Err((_, NotYet::Mismatch(mismatch))) => {
                    if missing.is_empty() {
                        let because = Unreadiness::Mismatch(mismatch);
                        return Some(Self {
                            records: at,
                            because,
                        });
                    }
                    break;
                }
            }
        }
        let records = first?;
        let because = Unreadiness::Missing(missing.into_iter().collect());
        Some(Self { records, because })
    }
}
