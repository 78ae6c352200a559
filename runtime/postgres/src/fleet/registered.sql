-- What runs, whether this host has read the file as it is now, whether it says what runs, and
-- whether other hosts run the pipeline. A host that never read the file goes by what any has read.
select
  p.active_run,
  p.active_revision,
  coalesce(f.spec_hash, p.spec_hash) = :spec_hash as is_unchanged,
  -- What the guard compares is no part of what a file says, nor is the version that comes with it.
  coalesce(
    case when (r.spec ->> 'version')::int <= 2 then r.spec - 'version'::text else r.spec end
      - 'guard'::text
    = case when (:spec ->> 'version')::int <= 2 then :spec - 'version'::text else :spec end
      - 'guard'::text,
    false
  ) as is_active,
  exists (
    select
    from gristmill.host h
    where h.pipeline = :pipeline and h.host <> :by and {alive}
  ) as is_accompanied
from gristmill.pipeline p
  left join gristmill.revision r
    on r.pipeline = p.pipeline and r.revision = p.active_revision
  left join gristmill.file f
    on f.pipeline = p.pipeline and f.host = split_part(:by, '/', 1)
where p.pipeline = :pipeline
