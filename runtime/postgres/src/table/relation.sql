-- What a name stands for, as psql finds it; `p` is a partitioned table.
select
  c.oid,
  pg_catalog.format('%I.%I'::text, n.nspname, c.relname),
  c.relkind::text,
  -- Of a partitioned table its partitions have the rows.
  c.relpersistence = 'u' or exists (
    select
    from pg_catalog.pg_partition_tree(c.oid::regclass) t
      join pg_class p on p.oid = t.relid::oid
    where p.relpersistence = 'u' and t.isleaf
  ),
  pg_catalog.row_security_active(c.oid),
  array(
    select r.rulename::text
    from pg_rewrite r
    -- 1 is select, the rule that makes a view.
    where r.ev_class = c.oid and r.ev_type in ('2', '3') and r.ev_enabled <> 'D'
    order by 1
  ),
  array(
    select k.conname::text
    from pg_constraint k
    where k.conrelid = c.oid and k.contype = 'f'
    order by 1
  ),
  -- Publications for which Postgres refuses an update: nothing tells the row by.
  array(
    select p.pubname::text
    from pg_publication p
    where (p.pubupdate or p.pubdelete)
      and c.relreplident <> 'f'
      and not exists (
        select
        from pg_index i
        where i.indrelid = c.oid and i.indisvalid
          and (c.relreplident = 'd' and i.indisprimary or i.indisreplident)
      )
      and exists (
        select
        from pg_publication_tables v
        where v.pubname = p.pubname and v.schemaname = n.nspname and v.tablename = c.relname
      )
    order by 1
  ),
  -- Whether tables that inherit from it hold rows of their own. Not partitions, nor what extensions
  -- spread a table over, which look like inheritance or refuse `only`.
  c.relkind = 'r' and not exists (
    select
    from pg_extension e
    where e.extname in ('timescaledb', 'citus')
  )
from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
where c.oid = pg_catalog.to_regclass($1)::oid
