-- The staged revision becomes active where the one that it was made from still is.
with p as (
  update gristmill.pipeline p
  set
    active_revision = r.revision,
    -- Whoever takes a rule back has left the revision before it: failing rows do not bring it back.
    previous_revision = case when r.restores is null then p.active_revision end,
    activated_at = now(),
    staging_revision = null,
    canary_partition = null,
    shadow_rows = null
  from gristmill.revision r
  where p.pipeline = :pipeline and p.active_revision = :based_on and p.staging_revision = :revision
    and r.pipeline = :pipeline and r.revision = :revision
  returning p.pipeline
),
old as (
  update gristmill.revision r
  set state = 'retired'
  from p
  where r.pipeline = p.pipeline and r.revision = :based_on
)
update gristmill.revision r
set state = 'active'
from p
where r.pipeline = p.pipeline and r.revision = :revision
