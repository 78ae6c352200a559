insert into gristmill.dead_letter (
  pipeline, run, topic, partition, "offset", ordinal, stage, code, message, revision, digest,
  key, headers, value, record_at, log, state
)
select
  c.pipeline, c.run, c.topic, c.partition, d.o, d.ordinal, d.stage, d.code, d.message, :revision,
  d.digest, d.key, d.headers::jsonb, d.value, d.record_at, c.log, 'sample'
from gristmill.checkpoint c,
  unnest(
    :offsets, :ordinals, :stages, :codes, :messages, :digests, :keys, :headers, :values, :times
  ) as d (o, ordinal, stage, code, message, digest, key, headers, value, record_at)
where c.pipeline = :pipeline and c.run = :run and c.topic = :topic and c.partition = :partition
  and c.owner_epoch = :owner_epoch
on conflict (pipeline, run, topic, partition, log, "offset", ordinal) do nothing
