-- What decides which event of a key is newer, as gristmill alone writes it.

alter table gristmill.checkpoint add column log int not null default 1;
comment on column gristmill.checkpoint.log is
    'Which topic of this name it is: each that was created again and accepted has the next number.';

alter table gristmill.dead_letter add column log int not null default 1;
comment on column gristmill.dead_letter.log is 'The log of the checkpoint when it was read.';

create table gristmill.target (
    target text not null,
    rule int not null check (rule between 1 and 127),
    version jsonb not null,
    at timestamptz not null default now(),
    primary key (target, rule)
);
create unique index on gristmill.target (target, version);
comment on table gristmill.target is
    'The rules by which the rows of a table have versions: the first byte of _gm_version is the '
    'number of one. Numbers are given out per table and never used again.';
comment on column gristmill.target.target is 'Schema and table, quoted as in SQL.';
comment on column gristmill.target.version is
    'What the bytes hold between the event time and the log: the order columns, with their types.';

-- `_gm_version`: rule (1 byte), event time (8), order columns, log (4), partition (4), offset (8).
create function gristmill.event_time_of(version bytea) returns timestamptz
language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
  select timestamptz 'epoch' + us / 3600000000 * interval '1 hour'
    + us % 3600000000 * interval '1 microsecond'
  -- The highest bit is turned, so that times before 1970 come first.
  from (
    select (('x' || encode(substr(version, 2, 8), 'hex'))::bit(64) # (1::bit(64) << 63))::bigint
  ) as t (us)
$$;
comment on function gristmill.event_time_of is 'The event time in a _gm_version.';

create function gristmill.log_of(version bytea) returns int
language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
  select ('x' || encode(substr(version, length(version) - 15, 4), 'hex'))::bit(32)::int
$$;
comment on function gristmill.log_of is
    'In a _gm_version: which topic of this name the row came from.';

create function gristmill.partition_of(version bytea) returns int
language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
  select ('x' || encode(substr(version, length(version) - 11, 4), 'hex'))::bit(32)::int
$$;
comment on function gristmill.partition_of is 'The partition in a _gm_version.';

create function gristmill.offset_of(version bytea) returns bigint
language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
  select ('x' || encode(substr(version, length(version) - 7, 8), 'hex'))::bit(64)::bigint
$$;
comment on function gristmill.offset_of is 'The offset in a _gm_version.';

-- 255 is the number of no rule, and 0 of no log: so the event time alone is compared.
create function gristmill.version_of(event_time timestamptz) returns bytea
language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
  select e'\\xff'::bytea
    || int8send((extract(epoch from event_time) * 1000000)::bigint # (1::bit(64) << 63)::bigint)
    || e'\\x00000000ffffffffffffffffffffffff'::bytea
$$;
comment on function gristmill.version_of is
    'A _gm_version for a row of which nothing but the event time is known.';
