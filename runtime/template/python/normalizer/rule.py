"""A row of each change event. Replace it by your rule."""

from typing import NamedTuple

from gristmill import Absent, Reject, TimestampMs, at, normalizer


class Event(NamedTuple):
    changed_at: TimestampMs | None = at("value.ts_ms")
    new_id: int | None = at("value.after.id")
    old_id: int | None = at("value.before.id")
    # Absent where the source does not send it: the table keeps what it has.
    name: str | None | Absent = at("value.after.name")


class Row(NamedTuple):
    id: int
    name: str | None | Absent
    updated_at: TimestampMs
    is_deleted: bool


@normalizer(key=["id"], event_time="updated_at", deleted="is_deleted", rejects=["no-row"])
def row_of(event: Event) -> Row:
    is_deleted = event.new_id is None
    id = event.old_id if is_deleted else event.new_id
    if id is None or event.changed_at is None:
        raise Reject("no-row", "`id` or `ts_ms` is missing")
    return Row(id=id, name=event.name, updated_at=event.changed_at, is_deleted=is_deleted)
