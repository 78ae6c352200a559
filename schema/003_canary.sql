-- Trying a staged revision on one partition before it is active everywhere, and going back by
-- itself.

alter table gristmill.pipeline
    add column activated_at timestamptz not null default now(),
    add column canary_partition int;
comment on column gristmill.pipeline.activated_at is
    'Since when the active revision is: for an hour rows that fail are shown to the one before.';
comment on column gristmill.pipeline.canary_partition is
    'The partition that runs the staged revision already.';
