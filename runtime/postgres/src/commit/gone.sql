gone as (
  delete from {table} as t
  using incoming as u{and_checkpoint}
  where {deleted} and {on} and ({guard} or {stale})
  returning 1
),
