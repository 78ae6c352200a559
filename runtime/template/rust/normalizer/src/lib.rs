//! A row of each change event. Replace it by your rule.

use gristmill_guest::{Presence, Reject, RowTransform, TimestampMs};

gristmill_guest::transform! {
    struct Rule;
    reads Event<'a> {
        at: Option<TimestampMs> = "value.ts_ms",
        new_id: Option<i64> = "value.after.id",
        old_id: Option<i64> = "value.before.id",
        // Absent where the source does not send it: the table keeps what it has.
        name: Presence<&'a str> = "value.after.name",
    }
    writes Row<'a> {
        id: i64,
        name: Presence<&'a str>,
        updated_at: TimestampMs,
        is_deleted: bool,
    }
    roles { key: [id], event_time: updated_at, deleted: is_deleted }
    rejects Refusal {
        NoRow = "no-row",
    }
}

impl RowTransform for Rule {
    fn row<'a>(&'a self, event: Event<'a>) -> Result<Row<'a>, Reject> {
        let (Some(id), Some(updated_at)) = (event.new_id.or(event.old_id), event.at) else {
            return Err(Refusal::NoRow.because("`id` or `ts_ms` is missing"));
        };
        let is_deleted = event.new_id.is_none();
        Ok(Row { id, name: event.name, updated_at, is_deleted })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_without_a_new_row_is_a_delete() {
        let at = Some(TimestampMs(1_726_531_200_000));
        let event = Event { at, new_id: None, old_id: Some(1), name: Presence::Absent };
        assert!(Rule.row(event).unwrap().is_deleted);
    }
}
