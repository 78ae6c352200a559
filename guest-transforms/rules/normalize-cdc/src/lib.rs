//! One flat row of each change event: `before` of a delete, `after` of anything else, with its
//! event time and whether it is deleted.
//!
//! `op` is c (create), u (update), d (delete), r (a row read by a snapshot) or t (truncate: all
//! rows are gone). An update that changes the key is two rows: the old key's is deleted.

mod config;
mod event;

use std::collections::BTreeSet;

use gristmill_guest::{
    AnyColumn, Batch, Bits, Column, Field, Output, Pick, Plan, Roles, Transform,
};

use config::{Config, Missing, Paths, Version};
use event::{Events, KAFKA_TIME, Refusal, RowVersion};

gristmill_guest::transform!(NormalizeCdc);

struct NormalizeCdc {
    config: Config,
    paths: Paths,
    truncate_column: String,
}

impl Transform for NormalizeCdc {
    type Config = Config;

    fn open(config: Config) -> Result<Self, String> {
        config.check()?;
        Ok(Self {
            paths: config.paths(),
            truncate_column: config.truncate_column(),
            config,
        })
    }

    fn plan(&self) -> Plan {
        let config = &self.config;
        let mut plan = Plan::new()
            .read(Field::text(&config.op))
            .read(Field::timestamp_ms(&config.event_time));
        if config.tombstones && config.event_time != KAFKA_TIME {
            plan = plan.read(Field::timestamp_ms(KAFKA_TIME));
        }
        // Two images may be one, as where the source flattens its events.
        let mut seen = BTreeSet::new();
        for image in &self.paths {
            for (path, logical_type) in image.iter().zip(config.columns.values()) {
                if let Some(path) = path.as_ref().filter(|path| seen.insert(*path)) {
                    plan = plan.read(Field::new(path, logical_type));
                }
            }
        }
        // The key's, too: all rows have none.
        for (name, logical_type) in &config.columns {
            plan = plan.write(Field::new(name, logical_type));
        }
        let roles = Roles::new(&config.key, &config.event_time_column);
        let roles = config
            .order
            .iter()
            .fold(roles, |roles, column| roles.order(column));
        let plan = plan
            .write(Field::timestamp_ms(&config.event_time_column).not_null())
            .write(Field::boolean(&config.deleted_column).not_null())
            .write(Field::boolean(&self.truncate_column).not_null())
            .roles(roles.deleted(&config.deleted_column))
            .rejects(Refusal::CODES);
        self.attributes()
            .fold(plan, |plan, (name, value)| plan.attribute(name, value))
    }

    fn apply(&self, batch: &Batch) -> Output {
        let events = Events::new(&self.config, &self.paths, batch);
        let mut output = Output::new();
        let mut versions = Vec::with_capacity(batch.len());
        for row in 0..batch.len() {
            match events.read(row) {
                Ok((old_key, version)) => {
                    versions.extend(old_key);
                    versions.push(version);
                }
                Err(Refusal { code, message }) => output.reject(row, code, message),
            }
        }
        self.write(&events, &versions, output)
    }
}

impl NormalizeCdc {
    /// What the host is to know beside.
    fn attributes(&self) -> impl Iterator<Item = (&'static str, String)> {
        let config = &self.config;
        let version = match config.version {
            Version::EventTime => None,
            Version::OrderFirst => Some("order-first".to_owned()),
            Version::Offset => Some("offset".to_owned()),
        };
        let epoch = (config.epoch != 0).then(|| config.epoch.to_string());
        let images = BTreeSet::from([&config.after, &config.before]);
        let nulls = images
            .into_iter()
            .filter(|_| config.missing == Missing::Null);
        [
            ("truncate", Some(self.truncate_column.clone())),
            ("version", version),
            ("epoch", epoch),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .chain(config.key_paths().map(|path| ("key-path", path)))
        .chain(nulls.map(|path| ("missing-is-null", path.clone())))
    }

    fn write(&self, events: &Events, versions: &[RowVersion], mut output: Output) -> Output {
        let picks: Vec<Pick> = versions
            .iter()
            .map(|v| Pick {
                source: v.image as u32,
                row: v.row,
            })
            .collect();
        for (name, images) in self.config.columns.keys().zip(events.columns()) {
            output = output.column(name, AnyColumn::gather(&images, &picks));
        }
        let mut times = Column::<Vec<i64>>::with_capacity(versions.len());
        let mut deleted = Column::<Bits>::with_capacity(versions.len());
        let mut truncates = Column::<Bits>::with_capacity(versions.len());
        for version in versions {
            times.push(Some(version.event_time_ms));
            deleted.push(Some(version.is_deleted));
            truncates.push(Some(version.is_truncate));
        }
        output
            .column(&self.truncate_column, truncates)
            .column(&self.config.event_time_column, times)
            .column(&self.config.deleted_column, deleted)
            .source_rows(versions.iter().map(|v| v.row).collect())
    }
}

#[cfg(test)]
mod tests {
    use gristmill_guest::testing::{plan, run};
    use serde_json::{Value, json};

    use super::*;

    fn config(changes: Value) -> Value {
        let mut config = json!({ "key": ["id"], "columns": { "id": "int64", "name": "text" } });
        for (name, value) in changes.as_object().unwrap() {
            config[name] = value.clone();
        }
        config
    }

    #[test]
    fn a_key_change_is_a_delete_and_an_upsert_of_one_event() {
        let event = json!({ "value": {
            "op": "u",
            "before": { "id": 1, "name": "a" },
            "after": { "id": 2, "name": "a" },
            "timestamp_ms": 7,
        } });
        let answered = run::<NormalizeCdc>(&config(json!({})), &json!([event])).unwrap();
        let expected = json!([
            {
                "id": 1, "name": "a", "is_deleted": true, "updated_at": 7, "_truncate": false,
            },
            {
                "id": 2, "name": "a", "is_deleted": false, "updated_at": 7, "_truncate": false,
            },
        ]);
        assert_eq!(
            (json!(answered.rows), answered.source_rows),
            (expected, vec![0, 0])
        );
    }

    #[test]
    fn the_end_of_all_rows_is_a_row_without_a_key() {
        let columns = json!({ "id": "int64", "name": "text", "lsn": "int64", "_truncate": "text" });
        let config = config(json!({
            "columns": columns,
            "paths": { "lsn": "value.source.lsn" },
            "ops": { "truncate": "truncate", "create": "insert" },
        }));
        let events = json!([
            { "value": { "op": "truncate", "timestamp_ms": 7, "source": { "lsn": 5 } } },
            {
                "value": {
                    "op": "insert",
                    "after": { "id": 1 },
                    "timestamp_ms": 8,
                    "source": { "lsn": 6 },
                },
            },
            { "value": { "op": "t", "timestamp_ms": 9 } },
        ]);
        let answered = run::<NormalizeCdc>(&config, &events).unwrap();
        let expected = json!([
            { "lsn": 5, "is_deleted": false, "updated_at": 7, "__truncate": true },
            { "id": 1, "lsn": 6, "is_deleted": false, "updated_at": 8, "__truncate": false },
        ]);
        assert_eq!(json!(answered.rows), expected);
        assert_eq!(answered.rejections, [(2, "unknown-op".to_owned())]);
    }

    #[test]
    fn an_event_without_a_row_has_none_even_where_columns_stand_outside_of_it() {
        let config = config(json!({ "paths": { "name": "value.name" } }));
        let event = json!({ "value": { "op": "c", "name": "a", "timestamp_ms": 7 } });
        let answered = run::<NormalizeCdc>(&config, &json!([event])).unwrap();
        assert_eq!(answered.rejections, [(0, "missing-row".to_owned())]);
    }

    #[test]
    fn the_host_is_told_by_what_rows_have_versions_and_what_is_null() {
        let attributes = |changes| {
            let plan = plan::<NormalizeCdc>(&config(changes)).unwrap();
            let pairs = plan.attributes.into_iter();
            pairs.map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>()
        };
        let told = [
            "truncate=_truncate",
            "key-path=value.before.id",
            "key-path=value.after.id",
            "key-path=key.id",
        ];
        let nulls = [
            "missing-is-null=value.after",
            "missing-is-null=value.before",
        ];
        assert_eq!(attributes(json!({})), [&told, &nulls[..]].concat());
        let order = json!({
            "version": "order-first", "order": ["name"], "epoch": 2, "missing": "absent",
        });
        let versions = ["version=order-first", "epoch=2"];
        assert_eq!(
            attributes(order),
            [&told[..1], &versions, &told[1..]].concat()
        );
        let flat = json!({
            "version": "offset",
            "before": "value",
            "after": "value",
            "columns": { "id": "int64", "tenant": "text" },
            "key": ["tenant", "id"],
            "paths": { "tenant": "value.of" },
            "key_path": "key.row",
        });
        assert_eq!(
            attributes(flat),
            [
                "truncate=_truncate",
                "version=offset",
                "key-path=value.of",
                "key-path=value.id",
                "key-path=value.of",
                "key-path=value.id",
                "key-path=key.row.tenant",
                "key-path=key.row.id",
                "missing-is-null=value",
            ]
        );
    }

    #[test]
    fn flattened_events_have_one_image() {
        let flat = json!({ "before": "value", "after": "value", "op": "value.__op" });
        let reads = plan::<NormalizeCdc>(&config(flat.clone())).unwrap().reads;
        let names: Vec<String> = reads.into_iter().map(|field| field.name).collect();
        assert_eq!(
            names,
            ["value.__op", "value.timestamp_ms", "value.id", "value.name"]
        );
        let events = json!([
            { "value": { "__op": "u", "id": 1, "name": "a", "timestamp_ms": 7 } },
            { "value": { "__op": "d", "id": 1, "timestamp_ms": 8 } },
        ]);
        let answered = run::<NormalizeCdc>(&config(flat), &events).unwrap();
        let expected = json!([
            { "id": 1, "name": "a", "is_deleted": false, "updated_at": 7, "_truncate": false },
            { "id": 1, "is_deleted": true, "updated_at": 8, "_truncate": false },
        ]);
        assert_eq!(json!(answered.rows), expected);
    }

    #[test]
    fn a_config_that_contradicts_itself_is_refused_in_words() {
        let refused = |changes| plan::<NormalizeCdc>(&config(changes)).unwrap_err();
        for (changes, sentence) in [
            (json!({ "key": [] }), "`key` names no column"),
            (
                json!({ "key": ["uid"] }),
                "`uid`, which is not among `columns`",
            ),
            (
                json!({ "columns": { "id": "decimal(10,2)" } }),
                "a type with one form for each value",
            ),
            (
                json!({ "deleted_column": "name" }),
                "`name`, which this rule writes itself",
            ),
            (
                json!({ "event_time_column": "gone", "deleted_column": "gone" }),
                "are the same",
            ),
            (json!({ "keys": ["id"] }), "unknown field `keys`"),
            (
                json!({ "order": ["seq"] }),
                "`order` names `seq`, which is not among",
            ),
            (
                json!({ "paths": { "seq": "value.seq" } }),
                "`paths` names `seq`",
            ),
            (
                json!({ "version": "order-first" }),
                "`order` names no column",
            ),
            (
                json!({ "version": "order-first", "order": ["name"], "tombstones": true }),
                "a tombstone has no columns",
            ),
            (
                json!({ "version": "offset", "order": ["name"] }),
                "`order` decides nothing",
            ),
            (
                json!({ "ops": { "create": "u" } }),
                "`ops` has `u` for update",
            ),
            (
                json!({ "ops": { "insert": "i" } }),
                "unknown variant `insert`",
            ),
        ] {
            let error = refused(changes);
            assert!(error.contains(sentence), "{error}");
        }
    }

    #[test]
    fn whole_words_and_seconds_are_known_without_being_named() {
        let changes = json!({
            "op": "value.type",
            "event_time": "value.ts",
            "ops": { "delete": "gone" },
        });
        let event = |word, ts: i64| {
            let row = json!({ "id": 1, "name": "a" });
            json!({ "value": { "type": word, "ts": ts, "before": row, "after": row } })
        };
        let events = json!([
            event("insert", 1_726_531_200),
            event("update", 1_726_531_201_000),
            event("gone", 7),
            event("delete", 1_726_531_200),
            event("c", 1_726_531_200),
        ]);
        let answered = run::<NormalizeCdc>(&config(changes), &events).unwrap();
        let times = answered.rows.iter().map(|row| row["updated_at"].clone());
        let times: Vec<_> = times.collect();
        let expected = [
            json!(1_726_531_200_000_i64),
            json!(1_726_531_201_000_i64),
            json!(7),
            json!(1_726_531_200_000_i64),
        ];
        assert_eq!(times, expected);
        assert_eq!(answered.rejections, [(3, "unknown-op".to_owned())]);
    }

    #[test]
    fn only_what_is_needed_is_read() {
        let reads = |changes| {
            let plan = plan::<NormalizeCdc>(&config(changes)).unwrap();
            plan.reads.into_iter().map(|f| f.name).collect::<Vec<_>>()
        };
        let mut events = vec!["value.op", "value.timestamp_ms"];
        let images = [
            "value.before.id",
            "value.before.name",
            "value.after.id",
            "value.after.name",
        ];
        assert_eq!(reads(json!({})), [&events[..], &images].concat());
        events.push("meta.timestamp");
        assert_eq!(
            reads(json!({ "tombstones": true })),
            [&events[..], &images, &["key.id"]].concat()
        );
        let elsewhere = json!({ "tombstones": true, "key_path": "value.pk" });
        assert_eq!(
            reads(elsewhere),
            [&events[..], &images, &["value.pk.id"]].concat()
        );
        // All by Kafka's clock.
        let kafka = json!({ "tombstones": true, "event_time": "meta.timestamp" });
        let events = ["value.op", "meta.timestamp"];
        assert_eq!(reads(kafka), [&events[..], &images, &["key.id"]].concat());
    }
}
