with p as (
  update gristmill.pipeline
  set staging_revision = null, canary_partition = null, shadow_rows = null
  where pipeline = :pipeline and staging_revision = :revision
  returning pipeline
)
update gristmill.revision r
set
  state = 'failed',
  taken_back_by = :by,
  reason = pg_catalog.concat_ws('; ', r.reason, :reason::text)
from p
where r.pipeline = p.pipeline and r.revision = :revision
