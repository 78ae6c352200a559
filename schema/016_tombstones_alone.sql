-- A tombstone is written without a look at its table's row: that took as long as the tombstone, and
-- partitions that delete at once shared locks on the one row. Both tables are locked for a moment.

alter table gristmill.tombstone drop constraint tombstone_target_fkey;

create function gristmill.drop_tombstones() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  delete from gristmill.tombstone s where s.target = old.target;
  return null;
end
$$;
comment on function gristmill.drop_tombstones is 'Tombstones go with what is known of their table.';
create trigger drop_tombstones after delete on gristmill.target_table
    for each row execute function gristmill.drop_tombstones();
comment on column gristmill.tombstone.target is
    'The table in target_table, by whose trigger its tombstones go.';
