-- One revision is staged at a time: another one that was gives way.
with before as (
  select staging_revision
  from gristmill.pipeline
  where pipeline = $1
),
gone as (
  update gristmill.revision r
  set
    state = 'retired',
    reason = pg_catalog.concat_ws('; ', r.reason, 'another one was staged in its place')
  from before
  where r.pipeline = $1 and r.revision = before.staging_revision
)
update gristmill.pipeline
set staging_revision = $2, shadow_rows = null
where pipeline = $1
