-- Which rows were written before a column was.

alter table gristmill.revision add column columns text[];
comment on column gristmill.revision.columns is
    'The columns of the target that its rows have, but those that tell rows and versions apart: '
    'what a later revision writes beside them is unknown in rows that this one wrote; null: nobody '
    'has run it since this is kept.';
