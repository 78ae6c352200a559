-- Counts down, and ends the run where enough is compared or the revision could not be run.
with p as (
  update gristmill.pipeline
  set shadow_rows = case
    when shadow_rows > :rows and :error::text is null then shadow_rows - :rows
  end
  where pipeline = :pipeline and staging_revision = :revision and shadow_rows is not null
  returning pipeline
)
insert into gristmill.shadow (
  pipeline, revision, topic, partition, next_offset, rows, difference, error
)
select
  :pipeline, :revision, :topic, :partition, :next_offset, :rows, :difference::jsonb, :error
from p
