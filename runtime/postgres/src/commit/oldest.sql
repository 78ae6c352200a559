-- Since when rows may not have been seen beside tombstones that were written then, which is two
-- minutes further back for sessions of other roles, whose transactions cannot be seen: longer than
-- a statement takes. When the oldest transaction began that may still write such rows, and the time
-- after that was looked at.
select
  (extract(epoch from z.swept_below - interval '2 minutes') * 1000000)::bigint,
  s.oldest::text,
  pg_catalog.clock_timestamp()::text
from gristmill.target_table z,
  (
    select least(pg_catalog.now(), pg_catalog.min(a.xact_start)) as oldest
    from pg_stat_activity a
    where a.datname = pg_catalog.current_database()
      and a.application_name like 'gristmill/%'
      and a.pid <> pg_catalog.pg_backend_pid()
  ) s
where z.target = :target
  and exists (select from gristmill.tombstone d where d.target = :target)
