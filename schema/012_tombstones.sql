-- What keeps deleted rows from coming back, however long a transaction takes and wherever a
-- database goes.

create function gristmill.heed() returns boolean
language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'GM002', message = 'the table has tombstones, and the flush did not read them';
end
$$;
comment on function gristmill.heed is
    'Ends a flush that does not look at tombstones where there are some, and with it the '
    'transaction that it is part of: it is sent again, and reads them.';

alter table gristmill.target_table
    add column swept_below timestamptz not null default now(),
    add column sweep_below timestamptz not null default now(),
    add column sweep_at timestamptz not null default now();
comment on column gristmill.target_table.swept_below is
    'Beside tombstones that were written before, no older row can appear any more.';
comment on column gristmill.target_table.sweep_below is
    'When the oldest transaction had begun that ran at the last sweep: swept_below, once all that '
    'ran then have ended.';
comment on column gristmill.target_table.sweep_at is 'When that was looked at.';
comment on table gristmill.tombstone is
    'Rows that were deleted for good, or before there were any, so that an older event does not '
    'bring them back.';

-- A dump does not keep the numbers of tables.
alter table gristmill.target_table
    alter column oid drop not null,
    add column database text;
comment on column gristmill.target_table.oid is
    'The table, in that database; null: it was not there when the database had been restored.';
comment on column gristmill.target_table.database is
    'The server and the database that the oid is of.';

create function gristmill.this_database() returns text
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  database text := (select d.oid from pg_database d where d.datname = current_database());
begin
  return (select s.system_identifier from pg_control_system() s) || '/' || database;
exception when insufficient_privilege then
  return database;
end
$$;
comment on function gristmill.this_database is 'What target_table.database is here.';
update gristmill.target_table set database = gristmill.this_database();

create function gristmill.find_tables() returns void
language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  here text := gristmill.this_database();
  found_at jsonb;
begin
  if not exists (select from gristmill.target_table z where z.database is distinct from here) then
    return;
  end if;
  lock table gristmill.target_table, gristmill.target in share row exclusive mode;
  -- The newest that had a name has its table.
  select jsonb_agg(jsonb_build_array(t.name, t.old, t.new, t.target))
  into found_at
  from (
    select
      z.target, z.name, z.oid::bigint as old,
      case when row_number() over (partition by z.name order by z.target desc) = 1 then (
        select c.oid::bigint
        from pg_class c
          join pg_namespace n on n.oid = c.relnamespace
        where quote_ident(n.nspname) || '.' || quote_ident(c.relname) = z.name
      ) end as new
    from gristmill.target_table z
    where z.database is distinct from here
  ) as t;
  -- Numbers change hands: at first nobody has any.
  update gristmill.target_table z
  set oid = null, database = here
  where z.database is distinct from here;
  update gristmill.target_table z
  set oid = (t ->> 2)::bigint::oid
  from jsonb_array_elements(found_at) as t
  where z.target = (t ->> 3)::int
    and not exists (
      select from gristmill.target_table o where o.oid = (t ->> 2)::bigint::oid
    );
  with rule as (
    select r.target, r.rule, r.oid as old from gristmill.target r
  ),
  cleared as (
    select r.target, r.rule, (t ->> 2)::bigint::oid as new
    from rule r
      join jsonb_array_elements(found_at) as t on (t ->> 1)::bigint::oid = r.old
  )
  select jsonb_agg(jsonb_build_array(c.target, c.rule, c.new::bigint)) into found_at from cleared c;
  update gristmill.target r
  set oid = null
  from jsonb_array_elements(found_at) as t
  where (r.target, r.rule) = (t ->> 0, (t ->> 1)::int);
  update gristmill.target r
  set oid = (t ->> 2)::bigint::oid
  from jsonb_array_elements(found_at) as t
  where (r.target, r.rule) = (t ->> 0, (t ->> 1)::int);
end
$$;
comment on function gristmill.find_tables is
    'After a dump was restored: finds the tables by their names, as their numbers are others.';
