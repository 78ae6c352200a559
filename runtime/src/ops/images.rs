//! Where the normalizer finds a row in an event.

use gristmill_core::decode::names;
use serde_json::Value;

use crate::definition::file::Config;

/// The paths of a row before and after, and of what happened to it.
pub(super) struct Images {
    op: String,
    /// What a delete is called.
    delete: String,
    before: String,
    after: String,
}

impl Images {
    pub(super) fn of(config: &Config) -> Self {
        let normalizer = config.transform.first().map(|t| &t.config);
        let path = |key: &str| {
            let set = normalizer.and_then(|config| config.get(key)?.as_str());
            set.map_or(format!("value.{key}"), str::to_owned)
        };
        Self {
            op: path("op"),
            delete: normalizer
                .and_then(|config| config.get("ops")?.get("delete")?.as_str())
                .unwrap_or("d")
                .to_owned(),
            before: path("before"),
            after: path("after"),
        }
    }

    /// The row in an event as it came: of a delete the one before; of an object without either,
    /// itself.
    pub(super) fn row<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        let at = |path: &str| {
            let names = names(path)?;
            let below = |value: &'a Value| {
                let mut names = names.iter().skip(1);
                names.try_fold(value, |value, name| value.get(name))
            };
            // In a wrapper that no path names.
            below(value).or_else(|| below(value.get("payload")?))
        };
        let is_delete = at(&self.op).and_then(Value::as_str) == Some(&self.delete);
        let (first, second) = match is_delete {
            true => (&self.before, &self.after),
            false => (&self.after, &self.before),
        };
        let row = |path| at(path).filter(|row| row.is_object());
        row(first).or_else(|| row(second)).or(Some(value))
    }
}
