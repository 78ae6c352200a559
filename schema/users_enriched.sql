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
    -- Optional, found by name: what tells newer events from older ones, whatever triggers do, and
    -- the revision that wrote the row. gristmill.offset_of(_gm_version) says where it came from.
    _gm_version bytea,
    _gm_revision int
);
comment on table users_enriched is
    'The newest version of each user; deleted ones are kept with is_deleted = true.';
comment on column users_enriched.updated_at is 'Event time in the source.';
