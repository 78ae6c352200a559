//! The events that the tests' normalizer reads.

use gristmill_core::record::Records;

/// An event of the tests' format. `at` in milliseconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Event {
    pub(crate) key: i64,
    pub(crate) at: i64,
    pub(crate) seq: Option<i64>,
    pub(crate) note: String,
    /// A second row of the same record, for this key.
    pub(crate) also: Option<i64>,
}

impl Event {
    pub(crate) fn new(key: i64, at: i64, note: &str) -> Self {
        Self {
            key,
            at,
            note: note.to_owned(),
            ..Self::default()
        }
    }

    pub(crate) fn json(&self) -> String {
        let number = |n: Option<i64>| n.map_or("null".to_owned(), |n| n.to_string());
        format!(
            r#"{{"key":{},"at":{},"seq":{},"note":"{}","also":{}}}"#,
            self.key,
            self.at,
            number(self.seq),
            self.note,
            number(self.also)
        )
    }
}

/// Events as records at offsets `first`, `first + step`, ...
pub(crate) fn records(events: &[Event], first: i64, step: i64) -> Records {
    let mut records = Records::default();
    for (i, event) in events.iter().enumerate() {
        let value = if event.note == "malformed" {
            "{".to_owned()
        } else {
            event.json()
        };
        let value = (event.note != "tombstone").then_some(value.as_bytes());
        records.push(
            first + i as i64 * step,
            Some(event.at),
            None,
            value,
            std::iter::empty(),
        );
    }
    records
}
