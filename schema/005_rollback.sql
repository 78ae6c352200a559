-- Going back: every change is a revision of its own number, and says what it goes back to.

alter table gristmill.revision
    add column restores int,
    add column taken_back_by text;
comment on column gristmill.revision.restores is
    'The earlier revision that `rollback` took a rule from: going back once more goes on from '
    'there.';
comment on column gristmill.revision.taken_back_by is
    'Who undid it: gristmill itself, or a person; null: nobody.';
