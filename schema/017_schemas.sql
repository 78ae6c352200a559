-- Schemas of records, so that a restart needs no registry.

create table gristmill.schema (
    registry text not null,
    id text not null,
    schema jsonb not null,
    at timestamptz not null default pg_catalog.now(),
    primary key (registry, id)
);
comment on table gristmill.schema is
    'Schemas that records named, as the registry told them. Deleted ones are asked for again.';
comment on column gristmill.schema.registry is
    'The registry, by the URLs in the pipeline file.';
comment on column gristmill.schema.id is
    'What records call it.';
comment on column gristmill.schema.schema is
    'Its kind and text, and the names and texts of all that it refers to.';
comment on column gristmill.schema.at is
    'When it was first needed.';
