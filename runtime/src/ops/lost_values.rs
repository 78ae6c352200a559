//! What a topic loses before anybody reads it: deletes and large values.

use gristmill_core::chain::Tombstone;
use gristmill_core::decode::JsonBytes;
use serde_json::Value;

use crate::definition::file::Config;

/// The normalizer of Debezium's events, where the pipeline has it.
pub(super) fn of_debezium(config: &Config) -> Option<&Value> {
    let normalizer = config.transform.first()?;
    let is_it = normalizer.component == "builtin:normalize-debezium";
    is_it.then_some(&normalizer.config)
}

/// What the versions of flattened rows are by, where they are flattened.
fn version_of_flat(config: &Config) -> Option<&str> {
    let debezium = of_debezium(config)?;
    let version = debezium.get("version").and_then(Value::as_str);
    (debezium.get("shape")? == "flat").then(|| version.unwrap_or("offset"))
}

/// That deletes of flattened rows may be lost.
pub(super) fn of_flat_deletes(config: &Config) -> Option<String> {
    let version = version_of_flat(config)?;
    let also = match version {
        "postgres" => ", and `version = \"offset\"` in the config of normalize-debezium",
        _ => "",
    };
    (config.source.tombstone == Tombstone::Ignore).then(|| {
        format!(
            "the values are flat, and records without a value are passed over: where they are the \
             deletes, rows stay for ever: set `tombstone = \"delete\"` under [source]{also}, \
             unless the connector has delete.tombstone.handling.mode = rewrite"
        )
    })
}

/// That deletes of flattened rows need a place that they have not.
pub(super) fn of_deletes_without_place(config: &Config) -> Option<String> {
    let is_by_place = version_of_flat(config)? == "postgres";
    (is_by_place && config.source.tombstone == Tombstone::Delete).then(|| {
        "`version = \"postgres\"` of flat values does not go with `tombstone = \"delete\"` under \
         [source]: a record without a value has no place in Postgres' log, so each is a dead \
         letter: set `version = \"offset\"`, or, where the connector has \
         delete.tombstone.handling.mode = rewrite, leave `tombstone` out"
            .to_owned()
    })
}

/// Whether a large list of such elements that a change leaves as it is comes as null, and not as a
/// placeholder, as seen of Debezium 3.6.1.
pub(super) fn comes_as_null(element: &str) -> bool {
    let has_zone = element.starts_with("timestamp") && element.ends_with("with time zone");
    has_zone
        || ["bytea", "double precision", "numeric"]
            .iter()
            .any(|of| element.starts_with(of))
}

/// That nulls may stand for large values that were not sent, in columns of such types.
pub(super) fn of_unseen_changes(config: &Config) -> Option<String> {
    let debezium = of_debezium(config)?;
    if debezium
        .get("before")
        .is_some_and(|before| before == "full")
    {
        return None;
    }
    let columns = debezium.get("columns")?.as_object()?.iter();
    let columns = columns.filter_map(|(name, of)| Some((name, of.as_str()?)));
    let named = |is_so: fn(&str) -> bool| {
        let names = columns.clone().filter(|(_, of)| is_so(of));
        names
            .map(|(name, _)| name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let lists = named(|of| of.strip_suffix("[]").is_some_and(comes_as_null));
    let bytes = match config.source.json_bytes {
        JsonBytes::Base64 => named(|of| matches!(of, "bytea" | "bytes")),
        JsonBytes::Hex => String::new(),
    };
    let either = [
        (!lists.is_empty()).then_some(lists),
        (!bytes.is_empty()).then(|| {
            format!(
                "{bytes} (where the connector has binary.handling.mode = base64 or \
                     base64-url-safe)"
            )
        }),
    ];
    let either: Vec<String> = either.into_iter().flatten().collect();
    (!either.is_empty()).then(|| {
        format!(
            "a large value that a change leaves as it is comes from Debezium as null, which \
             nobody can tell from one that was set: in {}. Where the source's columns hold more \
             than 2 kB, give its table REPLICA IDENTITY FULL and set before = \"full\"",
            either.join(", and ")
        )
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::file::parse;

    fn config(tombstone: &str, settings: &str) -> Config {
        let text = format!(
            r#"
            pipeline = {{ name = "p" }}
            source = {{ bootstrap = "b", topic = "t", tombstone = "{tombstone}" }}
            target = {{ url = "u", table = "t" }}
            [[transform]]
            name = "normalize"
            component = "builtin:normalize-debezium"
            config = {{ {settings} }}
            "#
        );
        parse(&text, |_| None).unwrap()
    }

    #[test]
    fn nulls_that_may_not_be_meant_are_told() {
        let columns = r#"columns = { id = "bigint", raw = "bytea", prices = "numeric(9,2)[]" }"#;
        let told = of_unseen_changes(&config("ignore", columns)).unwrap();
        assert!(told.contains("in prices, and raw (where"), "{told}");
        for settings in [
            &format!("{columns}, before = \"full\""),
            r#"columns = { id = "bigint", names = "text[]", days = "date[]" }"#,
        ] {
            assert_eq!(of_unseen_changes(&config("ignore", settings)), None);
        }
    }

    /// No setting that one sentence advises is one that the other refuses.
    #[test]
    fn flat_deletes_without_a_value_have_no_place() {
        let flat_by_place = r#"shape = "flat", version = "postgres""#;
        let refused = of_deletes_without_place(&config("delete", flat_by_place)).unwrap();
        assert!(refused.contains(r#"set `version = "offset"`"#), "{refused}");
        for (tombstone, settings) in [
            ("ignore", flat_by_place),
            ("delete", r#"shape = "flat""#),
            ("delete", r#"shape = "flat", version = "offset""#),
            ("delete", r#"version = "postgres""#),
        ] {
            let config = config(tombstone, settings);
            assert_eq!(of_deletes_without_place(&config), None, "{settings}");
        }
        let warned = of_flat_deletes(&config("ignore", flat_by_place)).unwrap();
        assert!(warned.contains(r#"and `version = "offset"`"#), "{warned}");
        let warned = of_flat_deletes(&config("ignore", r#"shape = "flat""#)).unwrap();
        assert!(!warned.contains("version"), "{warned}");
    }
}
