//! What the last records of a topic look like, against what the pipeline file says of them.

use gristmill_core::decode::{Format, instant, names};
use gristmill_core::record::Record;
use jiff::Timestamp;
use serde_json::Value;

use crate::authoring::draft::is_notice;
use crate::definition::file::Config;

use super::lost_values;

/// What the shipped normalizer is told of events, with its defaults.
struct Told<'a> {
    op: &'a str,
    event_time: &'a str,
    /// Whether a path names a member of Connect's wrapper: then all begin at the document.
    names_wrapper: bool,
}

/// Where a record lies and what is odd about it, a sentence each.
pub(super) fn oddities(config: &Config, place: &str, record: &Record<'_>) -> Vec<String> {
    let (told, debezium) = (Told::of(config), lost_values::of_debezium(config));
    // Where schemas say what values are, a try of the records tells all.
    if config.source.value_format != Format::Json {
        return Vec::new();
    }
    let Some(value) = record.value.map(|value| value.whole()) else {
        return Vec::new();
    };
    if told.is_none() && debezium.is_none() {
        return Vec::new();
    }
    if let Some(sentence) = framed(place, &value) {
        return vec![sentence];
    }
    let Ok(value) = serde_json::from_slice::<Value>(&value) else {
        return Vec::new();
    };
    let Some(told) = told else {
        let odd = debezium.and_then(|debezium| other_shape(debezium, place, &value));
        return odd.into_iter().collect();
    };
    let value = told.document(value);
    if let Some(sentence) = told.wrapped(place, &value) {
        return vec![sentence];
    }
    told.unit(place, &value).into_iter().collect()
}

/// Names a registry's framing: a zero byte and the id of a schema.
fn framed(place: &str, value: &[u8]) -> Option<String> {
    let (&[0, a, b, c, d], rest) = value.split_first_chunk()? else {
        return None;
    };
    let id = u32::from_be_bytes([a, b, c, d]);
    Some(match rest.first() {
        Some(b'{' | b'[') => format!(
            "{place} begins with 00 and the id {id}: it is JSON behind the frame of a schema \
             registry: set value_format = \"json-schema\" under [source]"
        ),
        _ => format!(
            "{place} begins with 00 and the id {id}: it is framed by a schema registry: if it is \
             Avro, set value_format = \"avro\" under [source], and the registry's url under \
             [source.registry]; Protobuf this version does not read"
        ),
    })
}

/// Names the other shape of Debezium's values than that which the normalizer's config says.
fn other_shape(debezium: &Value, place: &str, value: &Value) -> Option<String> {
    let value = match (value.get("schema"), value.get("payload")) {
        (Some(_), Some(payload)) => payload,
        _ => value,
    };
    let is_flat = debezium.get("shape").is_some_and(|shape| shape == "flat");
    let is_envelope = value.get("op").is_some() && value.get("source").is_some();
    let names = value.as_object().into_iter().flatten();
    let is_notice = is_notice(names.map(|(name, _)| name.as_str()));
    match (is_flat, is_envelope) {
        (true, true) => Some(format!(
            "{place} is an envelope with `op` and `source`, and the config says shape = \"flat\": \
             leave that out"
        )),
        (false, false) if value.is_object() && !is_notice => Some(format!(
            "{place} looks like the row alone, as ExtractNewRecordState leaves it: set shape = \
             \"flat\" in the transform's config, and tombstone = \"delete\" under [source]"
        )),
        _ => None,
    }
}

/// Whether a document stands beside its schema, as Connect's JSON converter writes both.
pub(super) fn is_wrapper(value: &Value) -> bool {
    let is_part = |name: &str| matches!(name, "schema" | "payload");
    let members = value.as_object();
    members.is_some_and(|members| members.len() == 2 && members.keys().all(|name| is_part(name)))
}

impl<'a> Told<'a> {
    /// `None` for a normalizer that is not the shipped one.
    fn of(config: &'a Config) -> Option<Self> {
        let normalizer = config.transform.first()?;
        let is_shipped = normalizer.component == "builtin:normalize-cdc";
        let path = |key: &str, default| {
            let set = normalizer.config.get(key).and_then(Value::as_str);
            set.unwrap_or(default)
        };
        let (op, event_time) = (
            path("op", "value.op"),
            path("event_time", "value.timestamp_ms"),
        );
        let (before, after) = (path("before", ""), path("after", ""));
        let is_of_wrapper = |path: &str| {
            let below = names(path).and_then(|names| names.into_iter().nth(1));
            below.is_some_and(|name| name == "schema" || name == "payload")
        };
        is_shipped.then(|| Self {
            op,
            event_time,
            names_wrapper: [op, event_time, before, after]
                .into_iter()
                .any(is_of_wrapper),
        })
    }

    /// The document that paths begin at: of a wrapper its payload.
    fn document(&self, mut value: Value) -> Value {
        match is_wrapper(&value) && !self.names_wrapper {
            true => value["payload"].take(),
            false => value,
        }
    }

    /// Names a shape in which the operation is not where the file says.
    fn wrapped(&self, place: &str, value: &Value) -> Option<String> {
        if follow(value, self.op).is_some() {
            return None;
        }
        let has = |names: &[&str]| names.iter().all(|name| value.get(name).is_some());
        let (shape, advice) = if has(&["schema", "payload"]) {
            (
                "an event in Connect's wrapper (schema and payload)",
                "set value.converter.schemas.enable = false in the connector, or begin the paths \
                 of normalize-cdc with `value.payload`: op, before, after and event_time",
            )
        } else if has(&["database", "table", "type", "data"]) {
            (
                "an event of Maxwell",
                "normalize-cdc reads change events with op, before and after: Debezium writes \
                 those",
            )
        } else if value.is_object() {
            (
                "a row without an operation, as ExtractNewRecordState leaves it",
                "take builtin:normalize-debezium with shape = \"flat\", or name the right path by \
                 `op`",
            )
        } else {
            return None;
        };
        Some(format!(
            "{place} has no operation at `{}`: this looks like {shape}: {advice}",
            self.op
        ))
    }

    /// Names the unit of an event time that is not in milliseconds.
    fn unit(&self, place: &str, value: &Value) -> Option<String> {
        let time = follow(value, self.event_time)?;
        let path = self.event_time;
        if time.as_str().is_some_and(|text| instant(text).is_some()) {
            return None;
        }
        let Some(time) = time.as_f64() else {
            return Some(format!(
                "the event time `{path}` of {place} is {time}, which is no time: a number of \
                 milliseconds since 1970 is expected there, or a time as text"
            ));
        };
        // Between 1990 and a century ahead, in milliseconds.
        let now = Timestamp::now().as_millisecond() as f64;
        let is_ours = |ms: f64| (631_152_000_000.0..now + 3.2e12).contains(&ms);
        let (unit, field) = [
            (1.0, ""),
            (1_000.0, "seconds"),
            (0.001, "microseconds"),
            (0.000_001, "nanoseconds"),
        ]
        .into_iter()
        .find(|(factor, _)| is_ours(time * factor))?;
        // As `normalize-cdc` takes them.
        let is_told = unit == 1_000.0 && !path.ends_with("ms");
        (unit != 1.0 && !is_told).then(|| {
            format!(
                "the event time `{path}` of {place} is {time}: it looks like {field}, and \
                 milliseconds since 1970 are expected: name a field in milliseconds by \
                 `event_time` (Debezium: ts_ms)"
            )
        })
    }
}

/// The value at a path into the value of a record.
fn follow<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    let names = names(path)?;
    let (root, names) = names.split_first()?;
    let found = names
        .iter()
        .try_fold(value, |value, name| value.get(name))?;
    (root == "value" && !found.is_null()).then_some(found)
}

#[cfg(test)]
mod tests {
    use gristmill_core::record::Records;
    use serde_json::json;

    use super::*;
    use crate::definition::file::parse;

    fn config() -> Config {
        let text = r#"
            pipeline = { name = "p" }
            source = { bootstrap = "b", topic = "t" }
            target = { url = "u", table = "t" }
            [[transform]]
            name = "normalize-cdc"
            component = "builtin:normalize-cdc"
            config = { key = ["id"], columns = { id = "int64" }, event_time = "value.ts_ms" }
        "#;
        parse(text, |_| None).unwrap()
    }

    fn said(value: &[u8]) -> String {
        let mut records = Records::default();
        records.push(7, None, None, Some(value), std::iter::empty());
        oddities(&config(), "t/0/7", &records.get(0)).join("\n")
    }

    #[test]
    fn what_comes_is_named_with_what_to_set() {
        for (value, words) in [
            (&b"\0\0\0\x01\x02\x03abc"[..], "value_format = \"avro\""),
            (b"\0\0\0\0\x03{}", "value_format = \"json-schema\""),
            (
                br#"{"schema":{},"payload":{"id":1}}"#,
                "ExtractNewRecordState",
            ),
            (
                br#"{"schema":{},"payload":{"op":"c"},"more":1}"#,
                "schemas.enable = false",
            ),
            (
                br#"{"database":"d","table":"t","type":"insert","ts":1,"data":{}}"#,
                "Maxwell",
            ),
            (br#"{"id":1,"name":"a"}"#, "ExtractNewRecordState"),
            (br#"{"op":"c","ts_ms":1726531200}"#, "looks like seconds"),
            (
                br#"{"op":"c","ts_ms":1726531200000000}"#,
                "looks like microseconds",
            ),
            (
                br#"{"op":"c","ts_ms":1726531200000000000}"#,
                "looks like nanoseconds",
            ),
            (br#"{"op":"c","ts_ms":"soon"}"#, "is no time"),
        ] {
            assert!(said(value).contains(words), "{}", said(value));
        }
        for value in [
            &br#"{"op":"c","ts_ms":1726531200000}"#[..],
            br#"{"schema":{},"payload":{"op":"c","ts_ms":1726531200000}}"#,
            br#"{"schema":{},"payload":null}"#,
            b"null",
            b"not json",
            br#"{"op":"d","ts_ms":null}"#,
        ] {
            assert_eq!(said(value), "");
        }
    }

    #[test]
    fn the_other_shape_of_debezium_is_named() {
        let envelope = json!({ "op": "c", "after": {}, "source": {}, "ts_ms": 1 });
        let wrapped = json!({ "schema": {}, "payload": envelope });
        let row = json!({ "id": 1 });
        let beat = json!({ "ts_ms": 1 });
        let timed = json!({ "id": 1, "ts_ms": 1, "status": "new" });
        let said = |shape, value| other_shape(&json!({ "shape": shape }), "t/0/1", value);
        for value in [&envelope, &wrapped] {
            assert_eq!(said("envelope", value), None);
            let flat = said("flat", value).unwrap();
            assert!(flat.contains("t/0/1 is an envelope"), "{flat}");
        }
        assert_eq!(said("flat", &row), None);
        let enveloped = said("envelope", &row).unwrap();
        assert!(enveloped.contains("set shape = \"flat\""), "{enveloped}");
        assert_eq!(said("envelope", &beat), None);
        let timed = said("envelope", &timed).unwrap();
        assert!(timed.contains("set shape = \"flat\""), "{timed}");
    }
}
