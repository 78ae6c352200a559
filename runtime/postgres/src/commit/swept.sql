-- A transaction that has not read a tombstone began before the commit of that. Once all that ran at
-- the last sweep have ended, those tombstones are done with that had been committed before it: what
-- is older than any transaction that ran then.
update gristmill.target_table
set
  swept_below = sweep_below,
  sweep_below = :oldest::text::timestamptz,
  sweep_at = :at::text::timestamptz
where target = :target
  and sweep_at <= :oldest::text::timestamptz
