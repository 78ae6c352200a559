-- The triggers that may change a row before it is stored, on a table and on its partitions.
select
  t.tgname::text,
  t.tgrelid::regclass::text,
  p.prosrc || ' '::text || pg_catalog.encode(t.tgargs, 'escape'::text),
  -- Whether the row may be changed as a whole, or by a name that the text does not have.
  case
    when p.proname = 'suppress_redundant_updates_trigger' then false
    -- Of a function in C only the arguments are known.
    when l.lanname in ('c', 'internal') then t.tgnargs = 0
    when l.lanname <> 'plpgsql' then true
    else p.prosrc ~* pg_catalog.concat_ws(
      '|'::text,
      '\mnew\s*:?=', '\minto\s+(strict\s+)?new\M(?!\s*\.)', 'populate_record', '#=',
      '\mreturn\s+(?!new\M|null\M|old\M)[^;\s]'
    )
  end
from pg_trigger t
  join pg_proc p on p.oid = t.tgfoid
  join pg_language l on l.oid = p.prolang
where (t.tgrelid = $1 or t.tgrelid in (
    select relid::oid from pg_catalog.pg_partition_tree($1::oid::regclass)
  ))
  and not t.tgisinternal
  -- On the table itself: partitions have copies.
  and t.tgparentid = 0
  and t.tgenabled in ('O', 'A')
  -- Before (2) each row (1) of an insert (4) or update (16).
  and t.tgtype::int & 3 = 3
  and t.tgtype::int & 20 <> 0
order by 1, 2
