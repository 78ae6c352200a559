gone as (
  delete from {table} as t
  using incoming as u{and_checkpoint}
  where {deleted} and {on} and {guard}
  returning 1
),
tombstones as (
  insert into gristmill.tombstone as s (target, key, version, event_time)
  select {target}, {key}, u.v, {event_time}
  from incoming as u{and_checkpoint}
  where {deleted}
  on conflict (target, key) do update set
    version = excluded.version,
    event_time = excluded.event_time,
    at = excluded.at
  where {newer}
),
