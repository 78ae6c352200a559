-- Which incarnation of a topic a checkpoint belongs to.

comment on column gristmill.checkpoint.topic_id is
    'Kafka''s id of the topic that next_offset is an offset of; null where the brokers give none.';
comment on column gristmill.checkpoint.log is
    'Raised each time that the topic''s offsets began anew and somebody accepted it.';

alter table gristmill.checkpoint add column takes int not null default 0;
comment on column gristmill.checkpoint.takes is
    'How many owners, one after the other, took the partition while records waited and ended '
    'without moving it; the last one is counted.';

alter table gristmill.dead_letter add column relay_refused text;
comment on column gristmill.dead_letter.relay_refused is
    'Why the dead-letter topic does not take it; it is tried again when the process starts again.';

-- Those that the topic does not take are not looked at again and again.
create index dead_letter_unrelayed
    on gristmill.dead_letter (pipeline, topic, partition, run, "offset", ordinal)
    where state = 'new' and relay_refused is null;
drop index gristmill.dead_letter_new;
