-- Which older programs may work with this schema, and who is behind a change.

alter table gristmill.migration add column compatible_from int;
comment on column gristmill.migration.compatible_from is
    'Programs that know this migration and those after it go on beside this one; null: only '
    'programs that know it.';
-- Only a program that knows this column looks at it.
update gristmill.migration set compatible_from = version;

alter table gristmill.revision add column session_user_name text;
-- Apart from the column, so that it says nothing about those who came before it.
alter table gristmill.revision alter column session_user_name set default session_user;
comment on column gristmill.revision.session_user_name is
    'Who made it, as Postgres knew them.';
