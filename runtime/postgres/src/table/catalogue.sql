-- The columns of a table that can be written, each with its type, and its place in the primary key.
-- A domain is looked through down to the type that it is made of.
with recursive base (num, type, modifier) as (
  select a.attnum, a.atttypid, a.atttypmod
  from pg_attribute a
  where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
  union all
  select b.num, t.typbasetype, t.typtypmod
  from base b
    join pg_type t on t.oid = b.type
  where t.typtype = 'd'
)
select
  a.attname::text,
  case
    -- Enums, and ranges that somebody made.
    when t.typtype = 'e' or t.typtype in ('r', 'm') and n.nspname <> 'pg_catalog' then 'text'
    -- An extension's type stands in a schema that need not be on the path.
    when n.nspname <> 'pg_catalog' and t.typcategory <> 'A' then t.typname::text
    else pg_catalog.format_type(t.oid, b.modifier)
  end,
  pg_catalog.array_position(k.indkey::smallint[], a.attnum)
from base b
  join pg_type t on t.oid = b.type and t.typtype <> 'd'
  join pg_namespace n on n.oid = t.typnamespace
  join pg_attribute a on a.attrelid = $1 and a.attnum = b.num
  left join pg_index k on k.indrelid = $1 and k.indisprimary
order by a.attnum
