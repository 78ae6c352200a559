-- Partitions of topics that the active revision does not read any more bring nothing. One that was
-- never taken has no checkpoint, and is not known here.
with watermark as (
  select
    pg_catalog.min(c.event_time_max) as lowest,
    pg_catalog.bool_and(c.event_time_max is not null) as is_known
  from gristmill.checkpoint c
    join gristmill.pipeline p on p.pipeline = c.pipeline and p.active_run = c.run
    left join gristmill.revision r
      on r.pipeline = p.pipeline and r.revision = p.active_revision
  where gristmill.table_called(p.target) = :oid
    and c.topic = coalesce(r.spec ->> 'topic', c.topic)
),
old as (
  select s.key
  from gristmill.tombstone s, watermark w
  where s.target = :target and w.is_known
    and s.event_time < w.lowest - :ttl_us * interval '1 microsecond'
    and s.at < (select z.swept_below from gristmill.target_table z where z.target = :target)
  limit :most
  for update of s skip locked
),
gone as (
  delete from gristmill.tombstone s
  using old
  where s.target = :target and s.key = old.key
  returning s.event_time
)
update gristmill.target_table t
set forgotten_below = greatest(t.forgotten_below, gone.latest)
from (select pg_catalog.count(*) as n, pg_catalog.max(event_time) as latest from gone) as gone
where t.target = :target and gone.n > 0
returning gone.n
