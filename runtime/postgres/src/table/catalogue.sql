-- The columns of a table that can be written, each with its type, and its place in the primary key.
-- A domain is looked through down to the type that it is made of, that of an array's elements, too.
with recursive base (num, type, modifier, list) as (
  select a.attnum, a.atttypid, a.atttypmod, ''
  from pg_attribute a
  where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
  union all
  select
    b.num,
    coalesce(e.typbasetype, t.typbasetype),
    coalesce(e.typtypmod, t.typtypmod),
    case when e.oid is null then b.list else '[]' end
  from base b
    join pg_type t on t.oid = b.type
    left join pg_type e
      on e.oid = t.typelem and t.typtype <> 'd' and t.typcategory = 'A' and e.typtype = 'd'
  where t.typtype = 'd' or e.oid is not null
)
select
  a.attname::text,
  case
    -- Enums, and ranges that somebody made.
    when t.typtype = 'e' or t.typtype in ('r', 'm') and n.nspname <> 'pg_catalog' then 'text'
    when e.typtype = 'e' or e.typtype in ('r', 'm') and s.nspname <> 'pg_catalog' then 'text[]'
    -- An extension's type stands in a schema that need not be on the path.
    when n.nspname <> 'pg_catalog' and e.oid is null then t.typname::text
    when s.nspname <> 'pg_catalog' then e.typname || '[]'
    else pg_catalog.format_type(t.oid, b.modifier)
  end || b.list,
  pg_catalog.array_position(k.indkey::smallint[], a.attnum)
from base b
  join pg_type t on t.oid = b.type and t.typtype <> 'd'
  join pg_namespace n on n.oid = t.typnamespace
  left join pg_type e on e.oid = t.typelem and t.typcategory = 'A'
  left join pg_namespace s on s.oid = e.typnamespace
  join pg_attribute a on a.attrelid = $1 and a.attnum = b.num
  left join pg_index k on k.indrelid = $1 and k.indisprimary
where e.typtype is distinct from 'd'
order by a.attnum
