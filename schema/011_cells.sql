-- Versions by the log, cells that the source did not send, rows that are deleted for good.

-- Numbers from 128 on are of versions whose time comes last. A program that does not know them
-- takes the number after the highest, and must not get one of those.
alter table gristmill.target
    drop constraint target_rule_check,
    add constraint target_rule_check check (
        rule between 1 and 127 and version ->> 'kind' = 'event-time'
        or rule between 128 and 254 and version ->> 'kind' <> 'event-time'
    );

-- `_gm_version` of such a number: rule (1 byte), order columns, log (4), partition (4), offset (8),
-- time (8).
create or replace function gristmill.event_time_of(version bytea) returns timestamptz
language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
  select timestamptz 'epoch' + us / 3600000000 * interval '1 hour'
    + us % 3600000000 * interval '1 microsecond'
  -- The highest bit is turned, so that times before 1970 come first.
  from (
    select (
      (
        'x' || encode(
          substr(
            version,
            case when get_byte(version, 0) between 128 and 254 then length(version) - 7 else 2 end,
            8
          ),
          'hex'
        )
      )::bit(64) # (1::bit(64) << 63)
    )::bigint
  ) as t (us)
$$;
comment on function gristmill.event_time_of is
    'The event time in a _gm_version; where the offset decides, the time that Kafka gave the '
    'record.';

create function gristmill.place_of(version bytea) returns bytea
language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
  select substr(
    version,
    length(version) - case when get_byte(version, 0) between 128 and 254 then 23 else 15 end,
    16
  )
$$;
comment on function gristmill.place_of is
    'Log (4 bytes), partition (4) and offset (8) of a _gm_version.';

create or replace function gristmill.log_of(version bytea) returns int
language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
  select ('x' || encode(substr(gristmill.place_of(version), 1, 4), 'hex'))::bit(32)::int
$$;

create or replace function gristmill.partition_of(version bytea) returns int
language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
  select ('x' || encode(substr(gristmill.place_of(version), 5, 4), 'hex'))::bit(32)::int
$$;

create or replace function gristmill.offset_of(version bytea) returns bigint
language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
  select ('x' || encode(substr(gristmill.place_of(version), 9, 8), 'hex'))::bit(64)::bigint
$$;

create table gristmill.target_table (
    target int generated always as identity primary key,
    name text not null,
    oid oid not null unique,
    horizon bytea,
    forgotten_below timestamptz,
    at timestamptz not null default now()
);
comment on table gristmill.target_table is
    'What is known of a table that pipelines fill, beside its rows.';
comment on column gristmill.target_table.name is
    'Schema and table, quoted as in SQL, as they were when the table was last found.';
comment on column gristmill.target_table.horizon is
    'The version at which the source table was emptied last: no older row is inserted.';
comment on column gristmill.target_table.forgotten_below is
    'Up to this event time tombstones were taken out: nobody knows which keys without a row were '
    'deleted then.';

create table gristmill.target_column (
    target int not null references gristmill.target_table on delete cascade,
    name text not null,
    bit int not null check (bit >= 0),
    at timestamptz not null default now(),
    primary key (target, name),
    unique (target, bit)
);
comment on table gristmill.target_column is
    'The bits of _gm_absent: a bit that is set says that nobody knows the column''s value, as the '
    'source did not send it. Bits are given out per table and never used again.';

create table gristmill.tombstone (
    target int not null references gristmill.target_table on delete cascade,
    key text[] not null,
    version bytea not null,
    event_time timestamptz not null,
    at timestamptz not null default clock_timestamp(),
    primary key (target, key)
);
-- Rows are written in the order of both, more or less, so that it costs next to nothing.
create index on gristmill.tombstone using brin (at, event_time);
comment on table gristmill.tombstone is
    'Rows that were deleted for good, so that an older event does not bring them back.';
comment on column gristmill.tombstone.key is
    'The values of the key as text: bytes in hexadecimal, times in microseconds and dates in days '
    'since 1970.';

create function gristmill.has_bit(bits bytea, place int) returns boolean
language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
  select case when place < length(bits) * 8 then get_bit(bits, place) = 1 else false end
$$;
comment on function gristmill.has_bit is 'Whether a bit of _gm_absent is set; null: none is.';

create function gristmill.absent_columns(target_table regclass, bits bytea) returns text[]
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select array_agg(c.name order by c.name)
  from gristmill.target_table t
    join gristmill.target_column c using (target)
  where t.oid = target_table::oid and gristmill.has_bit(bits, c.bit)
$$;
comment on function gristmill.absent_columns is
    'The columns of a table that _gm_absent says nobody knows.';

create function gristmill.absent_after(old bytea, new bytea, mine bytea, anew boolean) returns bytea
language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
  select case when btrim(bits, e'\\x00'::bytea) <> e''::bytea then bits end
  from (
    select string_agg(
      set_byte(
        e'\\x00'::bytea,
        0,
        case when anew then s | (b & ~w & 255) else b & (s | ~w & 255) end
      ),
      e''::bytea
      order by i
    )
    from (
      select
        i,
        case when i < length(old) then get_byte(old, i) else 0 end as b,
        case when i < length(new) then get_byte(new, i) else 0 end as s,
        case when i < length(mine) then get_byte(mine, i) else 0 end as w
      from generate_series(0, greatest(length(old), length(new)) - 1) as i
    ) as bytes
  ) as after (bits)
$$;
comment on function gristmill.absent_after is
    'What is unknown of a row once another is written over it: of the columns that are written, '
    'what was not sent and was unknown before, or, in a new life, what was not sent; the others '
    'stay as they are.';

create function gristmill.fence() returns boolean
language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'GM001', message = 'the checkpoint was moved by another owner';
end
$$;
comment on function gristmill.fence is
    'Ends a flush whose checkpoint is elsewhere, and with it the transaction that it is part of.';
