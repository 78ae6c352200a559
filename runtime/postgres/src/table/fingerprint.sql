-- What decides whether rows are kept as they are written: another text where any of it has changed.
-- Nothing here waits for a lock on the table.
with recursive parts as (
  select pg_catalog.to_regclass($1)::oid as oid
  union all
  select i.inhrelid
  from pg_inherits i
    join parts on i.inhparent = parts.oid
),
facts as (
  select pg_catalog.concat_ws(' '::text, 'table', c.oid, c.relpersistence) as fact
  from parts
    join pg_class c using (oid)
  union all
  select pg_catalog.concat_ws(' '::text, 'column', a.attrelid, a.attname, a.atttypid, a.atttypmod)
  from parts
    join pg_attribute a on a.attrelid = parts.oid
  where a.attnum > 0
  union all
  select pg_catalog.concat_ws(' '::text, 'rule', r.oid, r.xmin)
  from parts
    join pg_rewrite r on r.ev_class = parts.oid
  union all
  select pg_catalog.concat_ws(' '::text, 'trigger', t.oid, t.xmin, p.xmin)
  from parts
    join pg_trigger t on t.tgrelid = parts.oid
    join pg_proc p on p.oid = t.tgfoid
  where not t.tgisinternal
)
select coalesce(pg_catalog.md5(pg_catalog.string_agg(fact, '|'::text order by fact)), ''::text)
from facts
