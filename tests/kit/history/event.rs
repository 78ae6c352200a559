//! The records of a history.

use gristmill_core::record::Records;
use rand::Rng;
use rand::rngs::SmallRng;

use super::memory_store::FORBIDDEN;
use super::people_rules::REJECTED;

/// Few keys, so that each has many versions.
const KEYS: i64 = 5;
/// Milliseconds: few enough for ties.
const TIMES: i64 = 60;

/// What a record says.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) id: i64,
    /// Says which record wrote it, or what is wrong with it.
    pub(super) name: String,
    pub(super) is_deleted: bool,
    pub(super) at_ms: i64,
}

const MALFORMED: &str = "malformed";

impl Event {
    /// `name` for what is good; `keys_from` is the partition's first key.
    pub(super) fn draw(random: &mut SmallRng, name: String, keys_from: i64) -> Self {
        let name = match random.random_range(0..20) {
            0 => FORBIDDEN.to_owned(),
            1 => MALFORMED.to_owned(),
            2 => REJECTED.to_owned(),
            _ => name,
        };
        // Of a delete nothing is written that could be refused.
        let may_be_deleted = name != FORBIDDEN;
        Self {
            id: keys_from + random.random_range(0..KEYS),
            name,
            is_deleted: random.random_bool(0.15) && may_be_deleted,
            at_ms: random.random_range(0..TIMES),
        }
    }

    /// Whether it can become a row.
    pub(super) fn is_good(&self) -> bool {
        ![FORBIDDEN, MALFORMED, REJECTED].contains(&&*self.name)
    }

    /// Whether it is a dead letter whatever its version: what only Postgres refuses may be
    /// superseded before Postgres sees it.
    pub(super) fn is_surely_a_letter(&self) -> bool {
        [MALFORMED, REJECTED].contains(&&*self.name)
    }

    fn json(&self) -> String {
        let Self { id, name, .. } = self;
        let (deleted, at_us) = (self.is_deleted, self.at_ms * 1000);
        match name.as_str() {
            MALFORMED => "{".to_owned(),
            _ => format!(r#"{{"id":{id},"name":"{name}","deleted":{deleted},"at":{at_us}}}"#),
        }
    }
}

/// `events` as records from offset `first` on.
pub(super) fn records(events: &[Event], first: i64) -> Records {
    let mut records = Records::default();
    for (offset, event) in (first..).zip(events) {
        let value = event.json();
        let none = std::iter::empty();
        records.push(
            offset,
            Some(event.at_ms),
            None,
            Some(value.as_bytes()),
            none,
        );
    }
    records
}
