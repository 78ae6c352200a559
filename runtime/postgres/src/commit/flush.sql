-- A flush is one statement, so one round trip, and no open transaction to freeze in.
-- `parameters.rs` lists what it is given, `upsert.sql` is the part about rows.
with
{incoming}
-- The compare-and-swap. All else selects from it: when it moves no row, nothing is written.
cp as (
  update gristmill.checkpoint
  set
    next_offset = :next_offset,
    event_time_max = greatest(event_time_max, :event_time_max),
    revision = :revision,
    -- A batch without records leaves the last one as it is.
    last_record_offset = coalesce(:last_offset, last_record_offset),
    last_record_at = case when :last_offset is null then last_record_at else :last_at end,
    last_record_hash = coalesce(:last_hash, last_record_hash),
    -- Records that are read again are counted already: a batch has only such, or none.
    records = records + :counts[1] * (:next_offset > counted_below)::int,
    rows_upserted = rows_upserted + :counts[2] * (:next_offset > counted_below)::int,
    superseded = superseded + :counts[3] * (:next_offset > counted_below)::int,
    late = late + :counts[4] * (:next_offset > counted_below)::int,
    dropped = dropped + (:counts[5]{unmade}) * (:next_offset > counted_below)::int,
    tombstones = tombstones + :counts[6] * (:next_offset > counted_below)::int,
    dead_letters = dead_letters + :counts[7] * (:next_offset > counted_below)::int,
    -- As the brake on dead letters counts: see gristmill_core::brake.
    recent_records = least(recent_records + :counts[1], {window}),
    recent_letters = (recent_letters + :counts[7])
      * least(1, {window}::float8 / greatest(recent_records + :counts[1], 1)),
    takes = 0,
    backend_pid = pg_catalog.pg_backend_pid(),
    flushed_at = now(),
    -- It waited for this very flush.
    state = case state when 'waiting' then 'running' else state end,
    reason = case state when 'waiting' then null else reason end
  where pipeline = :pipeline
    and run = :run
    and topic = :topic
    and partition = :partition
    -- The same flush sent twice finds the checkpoint elsewhere.
    and next_offset = :from_offset
    -- Whoever took the partition meanwhile has added one.
    and owner_epoch = :owner_epoch
  returning owner, log
),
-- The partition changes its revision. By whom: who took the newer one back, else who made this one,
-- else the owner.
activated as (
  insert into gristmill.activation (pipeline, run, topic, partition, from_offset, revision, by)
  select
    :pipeline, :run, :topic, :partition, :from_offset, :revision,
    coalesce(
      (
        select taken_back_by
        from gristmill.revision
        where pipeline = :pipeline and revision = :revision_before
          and :revision_before > :revision
      ),
      (select by from gristmill.revision where pipeline = :pipeline and revision = :revision),
      cp.owner
    )
  from cp
  where :revision <> :revision_before
  on conflict (pipeline, run, topic, partition, from_offset) do update set
    revision = excluded.revision,
    at = excluded.at,
    by = excluded.by
),
letters as (
  insert into gristmill.dead_letter as old (
    pipeline, run, topic, partition, "offset", ordinal, stage, code, message, revision, digest,
    key, headers, value, record_at, log
  )
  select
    :pipeline, :run, :topic, :partition, d.o, d.ordinal, d.stage, d.code, d.message, :revision,
    d.digest, d.key, d.headers::jsonb, d.value, d.record_at, cp.log
  from cp,
    unnest(
      :letter_offsets, :letter_ordinals, :letter_stages, :letter_codes, :letter_messages,
      :letter_digests, :letter_keys, :letter_headers, :letter_values, :letter_times
    ) as d (o, ordinal, stage, code, message, digest, key, headers, value, record_at)
  on conflict (pipeline, run, topic, partition, log, "offset", ordinal) do update set
    stage = excluded.stage,
    code = excluded.code,
    message = excluded.message,
    revision = excluded.revision,
    digest = excluded.digest,
    key = excluded.key,
    headers = excluded.headers,
    value = excluded.value,
    record_at = excluded.record_at,
    attempts = 0,
    -- What became of a letter stands where its record is read again to the same end. One that was
    -- used and fails again is new: its row may be gone since.
    state = case
      when old.state in ('relayed', 'discarded')
        and (old.revision, old.stage, old.code)
          = (excluded.revision, excluded.stage, excluded.code) then old.state
      else 'new'
    end,
    relay_refused = null,
    at = now()
),
{deletes}
rows as (
{upsert}
)
-- The revision that the partition is to run. Where the checkpoint did not move, the transaction
-- ends: more of it may be on its way already.
select
  case when exists (select from cp) then {written} else gristmill.fence() end,
  (
    select case when canary_partition = :partition then staging_revision else active_revision end
    from gristmill.pipeline
    where pipeline = :pipeline
  )
