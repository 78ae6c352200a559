-- Changing the revision of a running fleet: one is staged at a time, and every live host says
-- whether it can run it before it becomes active.

alter table gristmill.pipeline
    add column previous_revision int,
    add column staging_revision int;
comment on column gristmill.pipeline.previous_revision is
    'What was active before: hosts keep it ready.';
comment on column gristmill.pipeline.staging_revision is 'What the hosts are asked to have ready.';

alter table gristmill.revision add column based_on int;
comment on column gristmill.revision.based_on is
    'The revision that was active when this one was made.';
comment on column gristmill.host.staged_revision is
    'The revision being staged, once this host has tried to load it.';
comment on column gristmill.host.error is 'Why it cannot run it; null: it can.';
comment on table gristmill.component is
    'Transforms'' files, and dimensions'', by the SHA-256 of their bytes, in hexadecimal.';

create table gristmill.file (
    pipeline text not null references gristmill.pipeline,
    host text not null,
    spec_hash text not null,
    at timestamptz not null default now(),
    primary key (pipeline, host)
);
comment on table gristmill.file is
    'What each machine''s pipeline file said when it was last read: it proposes a revision only '
    'when that changes.';
