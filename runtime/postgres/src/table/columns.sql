-- The columns of a table. A domain is looked through down to the type that it is made of.
with recursive base as (
  select t.oid, t.oid as of, t.typbasetype, t.typcategory, null::integer as modifier
  from pg_type t
  union all
  select b.typbasetype, b.of, t.typbasetype, t.typcategory, of_domain.typtypmod
  from base b
    join pg_type t on t.oid = b.typbasetype
    join pg_type of_domain on of_domain.oid = b.oid
)
select
  a.attname::text,
  pg_catalog.format_type(a.atttypid, a.atttypmod),
  pg_catalog.format_type(b.oid, -1),
  b.typcategory::text,
  a.attnotnull or c.typnotnull,
  a.atthasdef or a.attidentity <> '' or c.typdefault is not null,
  a.attgenerated <> '',
  a.attidentity = 'a',
  case
    when a.attgenerated <> '' then null
    else coalesce(
      pg_catalog.pg_get_expr(d.adbin, d.adrelid),
      pg_catalog.pg_get_expr(c.typdefaultbin, 0::oid)
    )
  end,
  pg_catalog.format_type(b.oid, coalesce(b.modifier, a.atttypmod)),
  coalesce(not l.collisdeterministic, false)
from pg_attribute a
  join pg_type c on c.oid = a.atttypid
  join base b on b.of = a.atttypid and b.typbasetype = 0
  left join pg_collation l on l.oid = a.attcollation
  left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped
order by a.attnum
