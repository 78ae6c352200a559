-- The revision before becomes active again where the one that took its place still is.
with p as (
  update gristmill.pipeline
  set
    active_revision = :to,
    previous_revision = null,
    activated_at = now(),
    staging_revision = null,
    canary_partition = null,
    shadow_rows = null
  where pipeline = :pipeline and active_revision = :from and previous_revision = :to
  returning pipeline
),
bad as (
  update gristmill.revision r
  set
    state = 'failed',
    taken_back_by = :by,
    reason = pg_catalog.concat_ws('; ', r.reason, :reason::text)
  from p
  where r.pipeline = p.pipeline and r.revision = :from
)
update gristmill.revision r
set state = 'active'
from p
where r.pipeline = p.pipeline and r.revision = :to
