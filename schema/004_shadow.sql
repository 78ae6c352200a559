-- Comparing a staged revision with the active one on live records, before it writes anything.

alter table gristmill.pipeline add column shadow_rows bigint;
comment on column gristmill.pipeline.shadow_rows is
    'How many rows the staged revision is still to be compared on beside the active one; null: '
    'none.';

create table gristmill.shadow (
    pipeline text not null references gristmill.pipeline,
    revision int not null,
    topic text not null,
    partition int not null,
    next_offset bigint not null,
    rows bigint not null,
    difference jsonb,
    error text,
    at timestamptz not null default now()
);
create index on gristmill.shadow (pipeline, revision);
comment on table gristmill.shadow is
    'What the staged revision would change, batch by batch, and why it could not be run.';
