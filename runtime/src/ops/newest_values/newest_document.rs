//! A record as it is looked at.

use serde_json::Value;

use crate::authoring::event_file::PlacedEvent;
use crate::ops::topic_shape::is_wrapper;

/// A record's value, below the wrapper that it may stand in.
pub(super) struct NewestDocument {
    pub(super) value: Value,
    /// Whether a schema beside it says units and forms.
    pub(super) has_schema: bool,
}

impl NewestDocument {
    pub(super) fn of(event: &PlacedEvent) -> Option<Self> {
        let mut value: Value = serde_json::from_slice(&event.record.get(0).value?.whole()).ok()?;
        let is_wrapper = is_wrapper(&value);
        let has_schema = is_wrapper && !value["schema"].is_null();
        if is_wrapper {
            value = value["payload"].take();
        }
        Some(Self { value, has_schema })
    }
}
