with f as (
  insert into gristmill.file (pipeline, host, spec_hash)
  values (:pipeline, split_part(:by, '/', 1), :spec_hash)
  on conflict (pipeline, host) do update set spec_hash = excluded.spec_hash, at = now()
)
update gristmill.pipeline
set topics = :topics, target = :target, spec_hash = :spec_hash
where pipeline = :pipeline
