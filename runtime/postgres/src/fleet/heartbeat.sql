with beat as (
  insert into gristmill.host (host, pipeline, staged_revision, error, waiting)
  select :host, b.pipeline, b.staged_revision, b.error, b.waiting
  from unnest(:pipelines, :staged_revisions, :errors, :waiting)
      as b (pipeline, staged_revision, error, waiting)
    -- One that somebody has deleted must not cost the others their heartbeat.
    join gristmill.pipeline using (pipeline)
  on conflict (host, pipeline) do update set
    heartbeat = now(),
    left_at = null,
    staged_revision = excluded.staged_revision,
    error = excluded.error,
    waiting = excluded.waiting
),
-- A flush that waits for a lock holds its checkpoint: that one says the same in `waiting` above.
changed as (
  select c.pipeline, c.run, c.topic, c.partition, h.state, h.reason
  from unnest(:of, :runs, :topics, :partitions, :epochs, :states, :reasons)
      as h (pipeline, run, topic, partition, owner_epoch, state, reason)
    join gristmill.checkpoint c using (pipeline, run, topic, partition, owner_epoch)
  where (c.state, c.reason) is distinct from (h.state, h.reason)
  for update of c skip locked
)
update gristmill.checkpoint c
set state = changed.state, reason = changed.reason
from changed
where c.pipeline = changed.pipeline and c.run = changed.run and c.topic = changed.topic
  and c.partition = changed.partition
