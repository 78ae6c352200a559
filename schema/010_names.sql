-- What a letter and a table are known by.

-- A topic that was created again has the same offsets once more: its letters are others.
alter table gristmill.dead_letter
    drop constraint dead_letter_pkey,
    add primary key (pipeline, run, topic, partition, log, "offset", ordinal);
create index dead_letter_to_relay
    on gristmill.dead_letter (pipeline, topic, partition, run, log, "offset", ordinal)
    where state = 'new' and relay_refused is null;
drop index gristmill.dead_letter_unrelayed;

-- Names change hands, and rows go with their table.
alter table gristmill.target add column oid oid;
update gristmill.target set oid = pg_catalog.to_regclass(target);
drop index gristmill.target_target_version_idx;
create unique index on gristmill.target (oid, version);
comment on column gristmill.target.target is
    'Schema and table, quoted as in SQL, as they were when the rule got its number.';
comment on column gristmill.target.oid is
    'The table: one that nobody has numbered begins above the rules that its rows have.';

comment on column gristmill.pipeline.target is
    'Schema and table, quoted as in SQL, as the search path of its last start found them.';
