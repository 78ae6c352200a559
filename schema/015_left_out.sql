-- Whoever resumes lets be left out what the topic has by then, and no more; and what is read again
-- for that counts once. And a name that is none keeps no tombstones.

alter table gristmill.checkpoint
    add column left_out_request bigint not null default 0,
    add column left_out_until bigint,
    add column counted_below bigint not null default 0;
comment on column gristmill.checkpoint.left_out_halted is
    'The revision that has halted because of such rows.';
comment on column gristmill.checkpoint.left_out_request is
    'The newest request to go on when it halted: a newer one lets them be left out.';
comment on column gristmill.checkpoint.left_out_until is
    'Below this offset they are left out, as somebody has resumed the partition.';
comment on column gristmill.checkpoint.counted_below is
    'Records below this offset are counted already: those that are read again do not count.';

create index dead_letter_refused on gristmill.dead_letter (pipeline, run, at)
    where code = 'refused' and state in ('new', 'relayed');
comment on index gristmill.dead_letter_refused is
    'Letters that may be tried again by themselves, looked for every few seconds.';

create function gristmill.table_called(name text) returns oid
language plpgsql stable
as $$
begin
  return pg_catalog.to_regclass(name)::oid;
exception when invalid_name or syntax_error then
  return null;
end
$$;
comment on function gristmill.table_called is
    'The table of that name; null: there is none, or it is no name, as older programs stored it as '
    'their files spelt it.';
