-- All that can make Postgres refuse a row, but for the columns' own types.
select 'constraint ' || conname::text || ' ' || pg_catalog.pg_get_constraintdef(oid)
from pg_constraint
-- Since PostgreSQL 18 a column's NOT NULL is one, too. Columns are compared by themselves.
where conrelid = $1 and contype <> 'n'
union all
select 'trigger ' || tgname::text || ' ' || pg_catalog.pg_get_triggerdef(oid)
from pg_trigger
where tgrelid = $1 and not tgisinternal and tgenabled <> 'D'
union all
select 'unique index ' || pg_catalog.pg_get_indexdef(indexrelid)
from pg_index
where indrelid = $1 and indisunique
union all
select 'constraint ' || n.conname::text || ' ' || pg_catalog.pg_get_constraintdef(n.oid)
from pg_attribute a
  join pg_constraint n on n.contypid = a.atttypid
where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped
union all
select 'row security'
from pg_class
where oid = $1 and relrowsecurity
order by 1
