//! The SQL about rows that nothing has written since given places of the topic.

use std::sync::Arc;

use crate::commit::target_shape::TargetShape;
use crate::table::identifier::{VERSION, quote};

/// The statements that find and delete them.
#[derive(Clone, Debug)]
pub(crate) struct OlderSql {
    pub(crate) count: Arc<str>,
    pub(crate) list: Arc<str>,
    pub(crate) unversioned: Arc<str>,
    pub(crate) living: Arc<str>,
    pub(crate) delete: Arc<str>,
}

impl OlderSql {
    /// `None`: the target's rows do not say where they come from.
    pub(crate) fn new(shape: &TargetShape<'_>) -> Option<Self> {
        let kept = shape.kept?;
        let (table, version) = (&shape.target.own_rows, format!("t.{}", quote(VERSION)));
        let lives = match shape.is_marked() {
            Some(marked) => format!("not {marked}"),
            None => "true".to_owned(),
        };
        let older = |and_versions: &str| {
            format!(
                "from {table} as t left join (select pg_catalog.unnest(:partitions) as partition, \
                 pg_catalog.unnest(:logs) as log, pg_catalog.unnest(:offsets) as \
                 place{and_versions}) as p on p.partition = gristmill.partition_of({version}) \
                 where {version} is not null and {lives} and (p.partition is null or \
                 (gristmill.log_of({version}), gristmill.offset_of({version})) < (p.log, p.place))"
            )
        };
        let names = shape.key().map(|(_, column)| quote(&column.name));
        let names: Vec<String> = names.collect();
        let texts = names.iter().map(|name| format!("t.{name}::text"));
        let texts = texts.collect::<Vec<_>>().join(", ");
        let names = names.iter().map(|name| format!("t.{name}"));
        let names = names.collect::<Vec<_>>().join(", ");
        // As old as the snapshot that lacks them, but for rows that are newer by other words.
        let some = format!(
            "older as (select t.tableoid as part, t.ctid as place, case when {} then p.version \
             else {version} end as version {} limit :most for update of t), d as (select o.*, \
             gristmill.event_time_of(o.version) as event_time from older as o)",
            shape.guarded().versions(&version, "p.version"),
            older(", pg_catalog.unnest(:versions) as version"),
        );
        let older = older("");
        let delete = match shape.flag().filter(|_| !shape.deletes_for_good()) {
            Some(flag) => format!(
                "with {some}, gone as (update {table} as t set {flag} = true{buried} from d where \
                 t.ctid = d.place and t.tableoid = d.part returning 1) select pg_catalog.count(*) \
                 from gone",
                buried = shape.buried(),
            ),
            None => format!(
                "with {some}, gone as (delete from {table} as t using d where t.ctid = d.place \
                 and t.tableoid = d.part returning {key} as key, d.version), tombstones as (insert \
                 into gristmill.tombstone as s (target, key, version, event_time) select \
                 {target}, g.key, g.version, gristmill.event_time_of(g.version) from gone as g on \
                 conflict (target, key) do update set version = excluded.version, event_time = \
                 excluded.event_time, at = excluded.at where {newer}) select pg_catalog.count(*) \
                 from gone",
                key = shape.stored_key_texts(),
                target = kept.target,
                newer = shape.guarded().versions("s.version", "excluded.version"),
            ),
        };
        Some(Self {
            count: format!("select pg_catalog.count(*) {older}").into(),
            list: format!("select array[{texts}] {older} order by {names} limit :most").into(),
            unversioned: format!(
                "select pg_catalog.count(*) from {table} as t where {version} is null and {lives}"
            )
            .into(),
            living: format!(
                "select pg_catalog.count(*) from {table} as t where {version} is not null and \
                 {lives}"
            )
            .into(),
            delete: delete.into(),
        })
    }
}
