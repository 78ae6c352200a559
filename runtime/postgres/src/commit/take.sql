with wanted as (
  select *
  from unnest(
    :pipelines, :runs, :topics, :partitions, :revisions, :start_offsets, :topic_ids, :end_offsets
  ) with ordinality as w (
    pipeline, run, topic, partition, revision, start_offset, topic_id, end_offset, place
  )
),
-- Rows are locked in one order, whatever the order of the list: two hosts that take lists with
-- partitions in common wait for each other's end, and not for each other in a circle. What comes
-- back is the row as it is once it is locked, with the revision that its last owner wrote.
old as (
  select c.pipeline, c.run, c.topic, c.partition, c.revision
  from gristmill.checkpoint c
    join wanted using (pipeline, run, topic, partition)
  order by c.pipeline, c.run, c.topic, c.partition
  for update of c
),
taken as (
  insert into gristmill.checkpoint as c (
    pipeline, run, topic, partition, topic_id, next_offset,
    owner_epoch, owner, backend_pid, revision, takes, log
  )
  select
    w.pipeline, w.run, w.topic, w.partition, w.topic_id, w.start_offset,
    1, :owner, pg_catalog.pg_backend_pid(), w.revision, 1,
    -- A topic in the place of another has offsets of its own: its versions must not be compared
    -- with those of the other by them.
    gristmill.log_of_topic(w.pipeline, w.topic, w.topic_id)
  -- Counting makes sure that all old rows are locked before the first one is taken.
  from wanted w, (select count(*) from old) as locked
  order by w.pipeline, w.run, w.topic, w.partition
  on conflict (pipeline, run, topic, partition) do update set
    owner_epoch = c.owner_epoch + 1,
    owner = excluded.owner,
    backend_pid = excluded.backend_pid,
    revision = excluded.revision,
    topic_id = coalesce(c.topic_id, excluded.topic_id),
    -- An owner that takes it again has not died of it.
    takes = case
      when c.next_offset >= (
        select w.end_offset from wanted w
        where (w.pipeline, w.run, w.topic, w.partition)
          = (c.pipeline, c.run, c.topic, c.partition)
      ) then 0
      when c.owner = excluded.owner then c.takes
      else c.takes + 1
    end
  returning *
),
-- Samples of what halted it before: whatever becomes of those records now counts.
samples as (
  delete from gristmill.dead_letter d
  using taken t
  where d.state = 'sample' and d.pipeline = t.pipeline and d.run = t.run and d.topic = t.topic
    and d.partition = t.partition and d."offset" >= t.next_offset
),
-- By whom: who took the newer revision back, else who made this one, else the owner.
activated as (
  insert into gristmill.activation (
    pipeline, run, topic, partition, from_offset, revision, by
  )
  select
    t.pipeline, t.run, t.topic, t.partition, t.next_offset, t.revision,
    coalesce(
      (
        select r.taken_back_by from gristmill.revision r
        where r.pipeline = t.pipeline and r.revision = old.revision and old.revision > t.revision
      ),
      (
        select r.by from gristmill.revision r
        where r.pipeline = t.pipeline and r.revision = t.revision
      ),
      t.owner
    )
  from taken t
    left join old using (pipeline, run, topic, partition)
  where old.revision is distinct from t.revision
  on conflict (pipeline, run, topic, partition, from_offset) do update set
    revision = excluded.revision,
    at = excluded.at,
    by = excluded.by
)
select t.*
from taken t
  join wanted w using (pipeline, run, topic, partition)
order by w.place
