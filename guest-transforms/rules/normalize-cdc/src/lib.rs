//! One flat row of each change event: `before` of a delete, `after` of anything else, with its
//! event time and whether it is deleted.
//!
//! `op` is c (create), u (update), d (delete) or r (a row read by a snapshot). An update that
//! changes the key is two rows: the old key's is deleted.

mod config;
mod event;

use gristmill_guest::{
    AnyColumn, Batch, Bits, Column, Field, Output, Pick, Plan, Roles, Transform,
};

use config::{Config, Paths};
use event::{Events, KAFKA_TIME, Refusal, Version};

gristmill_guest::transform!(NormalizeCdc);

struct NormalizeCdc {
    config: Config,
    paths: Paths,
}

impl Transform for NormalizeCdc {
    type Config = Config;

    fn open(config: Config) -> Result<Self, String> {
        config.check()?;
        Ok(Self {
            paths: config.paths(),
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
        for image in &self.paths {
            for (path, logical_type) in image.iter().zip(config.columns.values()) {
                if let Some(path) = path {
                    plan = plan.read(Field::new(path, logical_type));
                }
            }
        }
        for (name, logical_type) in &config.columns {
            let nullable = !config.key.contains(name);
            plan = plan.write(Field {
                nullable,
                ..Field::new(name, logical_type)
            });
        }
        let roles = Roles::new(&config.key, &config.event_time_column);
        plan.write(Field::timestamp_ms(&config.event_time_column).not_null())
            .write(Field::boolean(&config.deleted_column).not_null())
            .roles(roles.deleted(&config.deleted_column))
            .rejects(Refusal::CODES)
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
    fn write(&self, events: &Events, versions: &[Version], mut output: Output) -> Output {
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
        for version in versions {
            times.push(Some(version.event_time_ms));
            deleted.push(Some(version.is_deleted));
        }
        output
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
            { "id": 1, "name": "a", "is_deleted": true, "updated_at": 7 },
            { "id": 2, "name": "a", "is_deleted": false, "updated_at": 7 },
        ]);
        assert_eq!(
            (json!(answered.rows), answered.source_rows),
            (expected, vec![0, 0])
        );
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
                json!({ "deleted_column": "name" }),
                "`name`, which this rule writes itself",
            ),
            (
                json!({ "event_time_column": "gone", "deleted_column": "gone" }),
                "are the same",
            ),
            (json!({ "keys": ["id"] }), "unknown field `keys`"),
        ] {
            let error = refused(changes);
            assert!(error.contains(sentence), "{error}");
        }
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
        // All by Kafka's clock.
        let kafka = json!({ "tombstones": true, "event_time": "meta.timestamp" });
        let events = ["value.op", "meta.timestamp"];
        assert_eq!(reads(kafka), [&events[..], &images, &["key.id"]].concat());
    }
}
