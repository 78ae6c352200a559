-- Which incarnation of a topic a checkpoint belongs to.

alter table gristmill.checkpoint add column if not exists log int not null default 1;
comment on column gristmill.checkpoint.topic_id is
    'Kafka''s id of the topic that next_offset is an offset of; null where the brokers give none.';
comment on column gristmill.checkpoint.log is
    'Raised each time that the topic''s offsets began anew and somebody accepted it.';
