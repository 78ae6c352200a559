-- A locked row names the transaction that holds it, the lock table that transaction's session.
-- A session that holds several of the rows is ended once. One whose transaction is younger than the
-- wait for the lock is not who was waited for: its flush is about to commit.
with holder as (
  select
    a.pid,
    min(c.topic) as topic,
    pg_catalog.array_agg(c.partition order by c.partition) as partitions
  from unnest(:pipelines, :runs, :topics, :partitions) as w (pipeline, run, topic, partition)
    join gristmill.checkpoint c using (pipeline, run, topic, partition)
    join pg_locks l
      on l.locktype = 'transactionid' and l.transactionid = c.xmax and l.granted
    join pg_stat_activity a
      on a.pid = l.pid and a.application_name like 'gristmill/%'
  where a.pid <> pg_catalog.pg_backend_pid()
    and a.xact_start < clock_timestamp() - interval '2 seconds'
  group by a.pid
)
select pid, topic, partitions, pg_catalog.pg_terminate_backend(pid, 2000)
from holder
