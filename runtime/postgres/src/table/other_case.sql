-- The tables whose name differs from a name only in the case of letters.
select
  pg_catalog.format('%I.%I'::text, n.nspname, c.relname),
  pg_catalog.format('%I'::text, c.relname)
from pg_class c
  join pg_namespace n on n.oid = c.relnamespace,
  (select pg_catalog.parse_ident($1) as parts) as name
where c.relkind in ('r', 'p')
  and pg_catalog.lower(c.relname) = pg_catalog.lower(name.parts[pg_catalog.cardinality(name.parts)])
  and case pg_catalog.cardinality(name.parts)
    when 1 then n.nspname = any (pg_catalog.current_schemas(false))
    else pg_catalog.lower(n.nspname) = pg_catalog.lower(name.parts[1])
  end
order by 1
