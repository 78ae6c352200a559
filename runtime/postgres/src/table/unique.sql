-- The column sets that an upsert can name, or could if their constraint were not deferrable.
select
  pg_catalog.array_agg(a.attname::text order by k.n),
  i.indimmediate,
  i.indisprimary,
  (select pg_catalog.quote_ident(c.relname::text) from pg_class c where c.oid = i.indexrelid)
from pg_index i,
  pg_catalog.unnest(i.indkey) with ordinality k (attnum, n)
  join pg_attribute a on true
where i.indrelid = $1
  and a.attrelid = i.indrelid
  and a.attnum = k.attnum
  and k.n <= i.indnkeyatts
  and i.indisunique
  and i.indisvalid
  and i.indpred is null
  and i.indexprs is null
group by i.indexrelid, i.indimmediate, i.indisprimary
order by 1
