//! What a source says of its rows.

use gristmill_core::record::Records;

/// `None`: the source did not send it; null is a value.
pub(super) type Cell = Option<Option<String>>;

/// What the enricher rejects in column `a`.
pub(super) const REJECTED: &str = "reject";
/// What Postgres refuses in column `c`, as it does a null.
pub(super) const FORBIDDEN: &str = "forbidden";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Row,
    Delete,
    Truncate,
}

#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) what: What,
    pub(super) key: i64,
    /// The event time, milliseconds.
    pub(super) at: i64,
    pub(super) seq: Option<i64>,
    /// The time that Kafka gave it, milliseconds.
    pub(super) recorded: i64,
    /// Of the columns `a`, `b` and `c`.
    pub(super) cells: [Cell; 3],
    /// Nothing of it can be read but its key.
    pub(super) is_unread: bool,
}

impl Event {
    /// Whether rules that reject take it.
    pub(super) fn is_rejected(&self) -> bool {
        self.cells[0] == Some(Some(REJECTED.to_owned()))
    }

    /// Whether Postgres refuses it.
    pub(super) fn is_refused(&self) -> bool {
        let c = &self.cells[2];
        self.what == What::Row && (*c == Some(None) || *c == Some(Some(FORBIDDEN.to_owned())))
    }

    fn json(&self) -> String {
        let mut json = serde_json::json!({
            "at": self.at,
            "seq": self.seq,
            "gone": self.what == What::Delete,
            "emptied": self.what == What::Truncate,
        });
        if self.what != What::Truncate {
            json["key"] = self.key.into();
        }
        for (name, cell) in ["a", "b", "c"].into_iter().zip(&self.cells) {
            if let Some(value) = cell {
                json[name] = value.clone().into();
            }
        }
        if self.is_unread {
            json["b"] = serde_json::json!({});
        }
        json.to_string()
    }
}

/// Each event with its offset; offsets ascend.
pub(super) fn records<'e>(events: impl Iterator<Item = (i64, &'e Event)>) -> Records {
    let mut records = Records::default();
    for (offset, event) in events {
        let (key, json) = (event.key.to_string(), event.json());
        records.push(
            offset,
            Some(event.recorded),
            Some(key.as_bytes()),
            Some(json.as_bytes()),
            std::iter::empty(),
        );
    }
    records
}
