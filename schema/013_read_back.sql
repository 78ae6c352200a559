-- What was read of a table must still hold when it is written, and a suspicion outlives a process.

create function gristmill.read_again() returns boolean
language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'GM003',
    message = 'a row was changed between being read for an enricher and being written';
end
$$;
comment on function gristmill.read_again is
    'Ends a flush of what an enricher has computed from a row that has changed since, and with it '
    'the transaction that it is part of: the batch is computed again.';

alter table gristmill.checkpoint
    add column left_out bigint not null default 0,
    add column left_out_from bigint,
    add column left_out_halted int;
comment on column gristmill.checkpoint.left_out is
    'Rows that lost to a row that happened earlier, of late: many say that the source''s log has '
    'begun anew.';
comment on column gristmill.checkpoint.left_out_from is
    'The offset from which on such rows are suspected.';
comment on column gristmill.checkpoint.left_out_halted is
    'The revision that has halted because of such rows: where it goes on, they are left out.';
comment on column gristmill.checkpoint.log is
    'Which topic it is of those that fill the table: each that was created again and accepted, or '
    'came in the place of another, has the next number.';
