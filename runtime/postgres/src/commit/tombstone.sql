insert into gristmill.tombstone as s (target, key, version, event_time)
select {target}, {key}, u.v, coalesce({event_time}, gristmill.event_time_of(u.v))
from {rows} as u{and_checkpoint}
where {condition}
{on_conflict}
