-- What gristmill keeps beside the tables that it fills. Applied by `gristmill schema apply`, each
-- file once, in the order of its number.

create schema if not exists gristmill;
comment on schema gristmill is 'Checkpoints, revisions and dead letters of gristmill pipelines.';

create table gristmill.migration (
    version int primary key,
    name text not null,
    at timestamptz not null default now()
);
comment on table gristmill.migration is 'The numbered files of schema/ that have been applied.';

create table gristmill.pipeline (
    pipeline text primary key,
    topics text[] not null,
    target text not null,
    spec_hash text not null,
    active_run bigint not null default 1,
    active_revision int not null
);
comment on table gristmill.pipeline is
    'One row a pipeline; the fleet''s truth about which revision is active.';
comment on column gristmill.pipeline.spec_hash is
    'Hash of the pipeline file (components included) as it was last read: a file proposes a '
    'revision only when this changes.';
comment on column gristmill.pipeline.active_run is
    'One pass over the topics; a rewind opens a new one.';
comment on column gristmill.pipeline.active_revision is
    'Each flush returns it, so that workers learn of a change without asking.';

create table gristmill.component (
    digest text primary key,
    bytes bytea not null,
    description jsonb not null
);
comment on table gristmill.component is
    'Transforms'' files by the SHA-256 of their bytes, in hexadecimal.';
-- Wasm compresses badly by pglz and is read whole.
alter table gristmill.component alter column bytes set storage external;

create table gristmill.revision (
    pipeline text not null references gristmill.pipeline,
    revision int not null,
    spec jsonb not null,
    state text not null check (state in ('proposed', 'staged', 'active', 'retired', 'failed')),
    reason text,
    by text not null,
    at timestamptz not null default now(),
    primary key (pipeline, revision)
);
comment on table gristmill.revision is
    'A pipeline''s whole definition at one moment: components by digest, their configs, order, '
    'mapping and policies.';
comment on column gristmill.revision.by is 'Who made it, as the host knew them.';

create table gristmill.host (
    host text not null,
    pipeline text not null references gristmill.pipeline,
    heartbeat timestamptz not null default now(),
    staged_revision int,
    error text,
    primary key (host, pipeline)
);
comment on table gristmill.host is
    'Processes that run a pipeline, and what they say about the revision being staged.';

create table gristmill.checkpoint (
    pipeline text not null references gristmill.pipeline,
    run bigint not null,
    topic text not null,
    partition int not null,
    topic_id text,
    next_offset bigint not null,
    owner_epoch bigint not null,
    owner text not null,
    backend_pid int not null,
    revision int not null,
    event_time_max timestamptz,
    last_record_offset bigint,
    last_record_at timestamptz,
    last_record_hash bigint,
    records bigint not null default 0,
    rows_upserted bigint not null default 0,
    superseded bigint not null default 0,
    late bigint not null default 0,
    dropped bigint not null default 0,
    tombstones bigint not null default 0,
    dead_letters bigint not null default 0,
    flushed_at timestamptz,
    state text not null default 'running' check (state in ('running', 'halted')),
    reason text,
    primary key (pipeline, run, topic, partition)
) with (fillfactor = 20);
-- Fill factor: every flush updates the row, and with room on the page the new version needs no
-- index entry (a HOT update).
comment on table gristmill.checkpoint is
    'How far each partition is; moved in the same transaction as the rows, by whoever holds '
    'owner_epoch.';
comment on column gristmill.checkpoint.next_offset is
    'Exclusive: the first offset that is not in the table yet.';
comment on column gristmill.checkpoint.owner_epoch is
    'Taking the partition adds one; a flush with an older epoch writes nothing.';
comment on column gristmill.checkpoint.backend_pid is 'The backend that wrote the row last.';
comment on column gristmill.checkpoint.event_time_max is
    'Highest event time accepted; the watermark trails it.';
comment on column gristmill.checkpoint.last_record_offset is
    'The record before next_offset; compared with the topic when the partition is taken, to find '
    'a topic that was created again.';
comment on column gristmill.checkpoint.last_record_at is 'Its timestamp in Kafka.';
comment on column gristmill.checkpoint.last_record_hash is
    'First eight bytes, big-endian, of the SHA-256 over its key and value, each after its length '
    '(-1: none) as eight bytes.';
comment on column gristmill.checkpoint.records is
    'Counted since the run began, as are the columns after it, each record once.';
comment on column gristmill.checkpoint.rows_upserted is
    'Rows handed to the table; the guard may have found a newer one there.';
comment on column gristmill.checkpoint.superseded is
    'Rows that lost to a newer version of their key before they reached the table.';
comment on column gristmill.checkpoint.late is
    'Rows behind the watermark, whatever became of them.';
comment on column gristmill.checkpoint.reason is 'Why the partition halted, and what to do.';

create table gristmill.activation (
    pipeline text not null,
    run bigint not null,
    topic text not null,
    partition int not null,
    from_offset bigint not null,
    revision int not null,
    at timestamptz not null default now(),
    by text not null,
    primary key (pipeline, run, topic, partition, from_offset)
);
comment on table gristmill.activation is 'From which offset on a partition ran which revision.';

create table gristmill.gap (
    pipeline text not null,
    run bigint not null,
    topic text not null,
    partition int not null,
    from_offset bigint not null,
    to_offset bigint not null,
    cause text not null,
    at timestamptz not null default now(),
    accepted_by text,
    primary key (pipeline, run, topic, partition, from_offset)
);
comment on table gristmill.gap is
    'Offsets that were not read because the topic no longer had them.';
comment on column gristmill.gap.to_offset is 'Exclusive.';
comment on column gristmill.gap.accepted_by is
    'Who decided to go on without them; null while the partition is halted for it.';

create table gristmill.dead_letter (
    pipeline text not null,
    run bigint not null,
    topic text not null,
    partition int not null,
    "offset" bigint not null,
    ordinal int not null,
    stage text not null,
    code text not null,
    message text not null,
    revision int not null,
    digest text,
    key bytea,
    headers jsonb,
    value bytea,
    record_at timestamptz,
    attempts int not null default 0,
    state text not null default 'new' check (state in ('new', 'relayed', 'replayed', 'discarded')),
    at timestamptz not null default now(),
    primary key (pipeline, run, topic, partition, "offset", ordinal)
);
comment on table gristmill.dead_letter is
    'Records that could not be used, with all that is needed to use them later.';
comment on column gristmill.dead_letter.ordinal is
    '0: the record as a whole; else one more than the row''s rank among those that a normalizer '
    'made of the record.';
comment on column gristmill.dead_letter.stage is 'decode, transform:NAME, event-time or sink.';
comment on column gristmill.dead_letter.digest is 'The component that rejected it, where one did.';
comment on column gristmill.dead_letter.headers is
    'Array in their order of {"name", "text"}, {"name", "hex"} where the value is no text, or '
    '{"name"} where there is none.';
comment on column gristmill.dead_letter.record_at is 'The record''s timestamp in Kafka.';
comment on column gristmill.dead_letter.attempts is 'How often a replay tried it in vain.';
comment on column gristmill.dead_letter.state is
    'new: not yet in the dead-letter topic; relayed: there; replayed: used after all; discarded: '
    'given up by a person.';
-- The relay reads a partition's new ones in order.
create index dead_letter_new
    on gristmill.dead_letter (pipeline, topic, partition, run, "offset", ordinal)
    where state = 'new';
