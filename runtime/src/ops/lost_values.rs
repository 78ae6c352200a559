//! What a topic loses before anybody reads it: deletes and large values.

use gristmill_core::chain::Tombstone;
use serde_json::Value;

use crate::definition::file::Config;

/// The normalizer of Debezium's events, where the pipeline has it.
pub(super) fn of_debezium(config: &Config) -> Option<&Value> {
    let normalizer = config.transform.first()?;
    let is_it = normalizer.component == "builtin:normalize-debezium";
    is_it.then_some(&normalizer.config)
}

/// That deletes of flattened rows may be lost.
pub(super) fn of_flat_deletes(config: &Config) -> Option<String> {
    let is_flat = of_debezium(config)?.get("shape")? == "flat";
    (is_flat && config.source.tombstone == Tombstone::Ignore).then(|| {
        "the values are flat, and records without a value are passed over: where they are the \
         deletes, rows stay for ever: set `tombstone = \"delete\"` under [source], unless the \
         connector has delete.tombstone.handling.mode = rewrite"
            .to_owned()
    })
}

/// What compaction takes away.
pub(super) fn of_compaction(config: &Config) -> Vec<String> {
    let topic = &config.source.topic;
    let mut found = Vec::new();
    if config.source.tombstone == Tombstone::Ignore {
        let also = match of_debezium(config) {
            Some(_) => "`version = \"offset\"` in the config of normalize-debezium",
            None => "`tombstones = true` in the config of normalize-cdc",
        };
        found.push(format!(
            "the topic {topic} is compacted and its tombstones are ignored: compaction removes \
             the delete before a tombstone, so a row whose delete was not read in time stays for \
             ever: set `tombstone = \"delete\"` under [source] and {also}"
        ));
    }
    let columns = config
        .transform
        .first()
        .and_then(|t| t.config.get("columns"));
    let is_large = |(_, logical_type): &(&String, &Value)| {
        matches!(logical_type.as_str(), Some("text" | "json" | "bytes"))
    };
    let large: Vec<&str> = columns
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter(is_large)
        .map(|(name, _)| name.as_str())
        .collect();
    let named = match of_debezium(config) {
        Some(debezium) if debezium.get("columns").is_none() => "any column".to_owned(),
        _ => large.join(", "),
    };
    if !named.is_empty() {
        found.push(format!(
            "the topic {topic} is compacted: where its source leaves unchanged large values out \
             (Debezium writes `__debezium_unavailable_value`), compaction removes the only record \
             that had them: of {named}. Set the replica identity of the source table to full"
        ));
    }
    found
}
