-- The table of pipelines/users.toml.

create table users_enriched (
    user_id bigint primary key,
    name text,
    email text,
    email_domain text,
    country_code text,
    country_name text,
    is_corporate boolean default false,
    is_deleted boolean default false,
    updated_at timestamptz not null,
    -- Optional, found by name: where the row came from. With them ties of event time go to the
    -- later offset, and a revision's rows can be told apart.
    _gm_partition int,
    _gm_offset bigint,
    _gm_revision int
);
comment on table users_enriched is
    'The newest version of each user; deleted ones are kept with is_deleted = true.';
comment on column users_enriched.updated_at is 'Event time in the source.';
