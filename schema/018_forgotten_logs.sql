-- The numbers of topics outlive the pipelines that are forgotten: rows stay, with versions of them.

alter table gristmill.target_table add column forgotten_logs jsonb not null default '{}';
comment on column gristmill.target_table.forgotten_logs is
    'The logs of topics whose pipelines were forgotten, by Kafka''s id of the topic, which is '''' '
    'where the brokers gave none.';

create function gristmill.log_of_topic(of_pipeline text, of_topic text, of_id text) returns int
language sql stable set search_path = pg_catalog, pg_temp
as $$
  with known as (
    select c.topic = of_topic as is_same, c.log
    from gristmill.pipeline p
      join gristmill.pipeline o on o.target = p.target
      join gristmill.checkpoint c on c.pipeline = o.pipeline
    where p.pipeline = of_pipeline
  ),
  forgotten as (
    select f.key <> '' and f.key = of_id as is_same, f.value::int as log
    from gristmill.pipeline p
      join gristmill.target_table z on z.name = p.target,
      jsonb_each_text(z.forgotten_logs) as f
    where p.pipeline = of_pipeline
  )
  select coalesce(
    (select max(k.log) from known k where k.is_same),
    (select max(f.log) from forgotten f where f.is_same),
    (select max(a.log) + 1 from (table known union all table forgotten) as a),
    1
  )
$$;
comment on function gristmill.log_of_topic is
    'The log of a partition that is taken for the first time: its topic''s, if rows of the table '
    'may be of it, else one that no row of the table has.';
