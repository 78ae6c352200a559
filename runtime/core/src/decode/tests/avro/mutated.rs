//! Bytes of real records with some of them changed: each gives the row that a plain reading of
//! Avro's specification gives, or a dead letter where that gives none.

use serde_json::{Map, Number};

use super::*;

/// So many changed copies of each sample.
const MUTATIONS: u64 = 10_000;

/// A plain decoder: it makes a tree of the whole value, by the schema's JSON.
struct Plain<'a> {
    rest: &'a [u8],
    names: Map<String, Value>,
}

impl Plain<'_> {
    /// Learns the types that a schema defines, used or not.
    fn define(&mut self, of: &Value) {
        match of {
            Value::Array(branches) => branches.iter().for_each(|branch| self.define(branch)),
            Value::Object(object) => {
                if let Some(name) = object.get("name").and_then(Value::as_str) {
                    self.names.insert(name.to_owned(), of.clone());
                }
                for inner in ["type", "items", "values"] {
                    object.get(inner).into_iter().for_each(|of| self.define(of));
                }
                let fields = object.get("fields").and_then(Value::as_array);
                for field in fields.into_iter().flatten() {
                    self.define(&field["type"]);
                }
            }
            _ => {}
        }
    }

    fn long(&mut self) -> Option<i64> {
        let mut value = 0_u128;
        for i in 0..10 {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            value |= u128::from(byte & 0x7f) << (7 * i);
            if *byte < 0x80 {
                let value = u64::try_from(value).ok()?;
                return Some((value >> 1) as i64 ^ -((value & 1) as i64));
            }
        }
        None
    }

    fn take(&mut self, bytes: i64) -> Option<Vec<u8>> {
        let bytes = usize::try_from(bytes).ok()?;
        let (taken, rest) = self.rest.split_at_checked(bytes)?;
        self.rest = rest;
        Some(taken.to_vec())
    }

    fn value(&mut self, of: &Value) -> Option<Value> {
        match of {
            Value::Array(branches) => {
                let branch = usize::try_from(self.long()?).ok()?;
                self.value(branches.get(branch)?)
            }
            Value::Object(object) if object["type"].is_string() => {
                let of = object["type"].as_str()?;
                match of {
                    "record" => {
                        let fields = object["fields"].as_array()?;
                        let mut members = Map::new();
                        for field in fields {
                            let value = self.value(&field["type"])?;
                            members.insert(field["name"].as_str()?.to_owned(), value);
                        }
                        Some(Value::Object(members))
                    }
                    "enum" => {
                        let symbol = usize::try_from(self.long()?).ok()?;
                        object["symbols"].get(symbol).cloned()
                    }
                    "fixed" => self.take(object["size"].as_i64()?).map(|b| json_of(&b)),
                    "array" | "map" => {
                        let (mut list, mut map) = (Vec::new(), Map::new());
                        loop {
                            let count = self.long()?;
                            if count < 0 {
                                self.long()?;
                            }
                            // None of the samples has items of no bytes.
                            if count.unsigned_abs() > self.rest.len() as u64 {
                                return None;
                            }
                            for _ in 0..count.unsigned_abs() {
                                if of == "array" {
                                    list.push(self.value(&object["items"])?);
                                    continue;
                                }
                                let length = self.long()?;
                                let name = String::from_utf8(self.take(length)?).ok()?;
                                map.insert(name, self.value(&object["values"])?);
                            }
                            if count == 0 {
                                break;
                            }
                        }
                        Some(match of {
                            "array" => Value::Array(list),
                            _ => Value::Object(map),
                        })
                    }
                    of => self.value(&Value::from(of)),
                }
            }
            Value::Object(object) => self.value(&object["type"]),
            Value::String(name) => match name.as_str() {
                "null" => Some(Value::Null),
                "boolean" => self.take(1).and_then(|b| match b[0] {
                    byte @ (0 | 1) => Some(Value::from(byte == 1)),
                    _ => None,
                }),
                "int" => Some(Value::from(i32::try_from(self.long()?).ok()?)),
                "long" => self.long().map(Value::from),
                "float" => {
                    let value = f32::from_le_bytes(self.take(4)?.try_into().ok()?);
                    Some(float(value.to_string().parse().ok()?))
                }
                "double" => Some(float(f64::from_le_bytes(self.take(8)?.try_into().ok()?))),
                "bytes" => {
                    let length = self.long()?;
                    self.take(length).map(|b| json_of(&b))
                }
                "string" => {
                    let length = self.long()?;
                    Some(Value::from(String::from_utf8(self.take(length)?).ok()?))
                }
                name => {
                    let name = name.rsplit('.').next()?;
                    let of = self.names.get(name)?.clone();
                    self.value(&of)
                }
            },
            _ => None,
        }
    }
}

fn float(value: f64) -> Value {
    match Number::from_f64(value) {
        Some(number) => Value::Number(number),
        None if value.is_nan() => Value::from("NaN"),
        None if value > 0.0 => Value::from("Infinity"),
        None => Value::from("-Infinity"),
    }
}

fn json_of(bytes: &[u8]) -> Value {
    Value::from(crate::decode::base64(bytes))
}

/// A generator with a seed: a failure says which.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) % n as u64) as usize
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len().max(1));
            match self.below(5) {
                0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                1 if at < bytes.len() => bytes[at] = self.below(256) as u8,
                2 if at < bytes.len() => drop(bytes.remove(at)),
                3 => bytes.truncate(at),
                _ => bytes.insert(at.min(bytes.len()), self.below(256) as u8),
            }
        }
    }
}

/// Both readings of a value, as JSON.
fn compare(schema: &Schema, of: &Value, value: &[u8], seed: u64) {
    let mut plain = Plain {
        rest: value,
        names: Map::new(),
    };
    plain.define(of);
    let expected = plain.value(of).filter(|_| plain.rest.is_empty());
    let found = schema.to_json(value);
    match (&expected, &found) {
        (Some(expected), Ok(found)) => {
            let found: Value = serde_json::from_str(found).unwrap();
            assert!(is_same(&found, expected), "seed {seed}: {found} {expected}");
        }
        (None, Err(_)) => {}
        _ => panic!("seed {seed}: {expected:?} {found:?} of {value:?}"),
    }
}

/// The texts of a row are those that the whole document has.
fn compare_reads(decoder: &mut Decoder, schema: &Schema, value: &[u8], seed: u64) {
    let decoded = decoder.decode(&record(&framed(value)));
    assert!(decoded.batch.is_well_formed());
    assert_eq!(
        decoded.batch.rows + decoded.dead_letters.len(),
        1,
        "seed {seed}"
    );
    let whole = schema.to_json(value);
    let Ok(row) = said(&decoded) else { return };
    let row = row.as_object().unwrap();
    // Texts that nobody reads may be anything, and so may the booleans: their reading is not at
    // fault then, and nothing is compared.
    let Ok(whole) = whole else { return };
    let whole: Value = serde_json::from_str(&whole).unwrap();
    for (path, found) in row {
        let names = path.split('.').skip(1);
        let expected = names.fold(&whole, |value, name| &value[name]);
        let as_json = found.as_str().map(serde_json::from_str::<Value>);
        let same_json = as_json.is_some_and(|json| json.is_ok_and(|json| is_same(&json, expected)));
        let same = is_same(found, expected) || same_json;
        assert!(same, "seed {seed}: {path} is {found}, not {expected}");
    }
}

#[test]
fn changed_bytes_never_make_another_row() {
    let registry = registry();
    for (topic, id, of) in [
        (
            "cv.public.users",
            "62",
            &[
                ("value.op", "text"),
                ("value.source.lsn", "int64"),
                ("value.before.user_id", "int64"),
                ("value.after.user_id", "int64"),
                ("value.after.name", "text"),
                ("value.source", "json"),
            ][..],
        ),
        (
            "cv.public.everything",
            "55",
            &[
                ("value.after.id", "int64"),
                ("value.after.c_text", "text"),
                ("value.after.c_float8", "float64"),
                ("value.after.c_bool", "boolean"),
                ("value.after.c_point", "json"),
                ("value.op", "text"),
            ],
        ),
        (
            "cv.public.toasted",
            "67",
            &[("value.after.id", "int64"), ("value.after.note", "text")],
        ),
        (
            "av.plain",
            "79",
            &[
                ("value.id", "text"),
                ("value.choice", "json"),
                ("value.tree.v", "int64"),
                ("value.tree", "json"),
                ("value.tags", "json"),
                ("value.list", "json"),
            ],
        ),
    ] {
        let text = &registry[format!("contentIds/{id}")];
        let schema = schema(&text.to_string()).unwrap();
        let mut decoder = decoder(of, &text.to_string());
        for (number, sample) in samples(topic).iter().enumerate() {
            let Some(value) = &sample.value else { continue };
            let value = &value[5..];
            compare(&schema, text, value, 0);
            for mutation in 0..MUTATIONS {
                let seed = (number as u64) << 32 | mutation;
                let mut changed = value.to_vec();
                Random(seed).change(&mut changed);
                compare(&schema, text, &changed, seed);
                compare_reads(&mut decoder, &schema, &changed, seed);
            }
        }
    }
}

#[test]
fn changed_schemas_never_panic() {
    let registry = registry();
    for (name, text) in registry.as_object().unwrap() {
        if text.get("type").is_none() {
            continue;
        }
        let text = text.to_string().into_bytes();
        for seed in 0..300 {
            let mut changed = text.clone();
            Random(seed).change(&mut changed);
            let Ok(changed) = String::from_utf8(changed) else {
                continue;
            };
            let Ok(schema) = schema(&changed) else {
                continue;
            };
            let found = FoundSchema::Known(Arc::new(schema));
            let of = reads(&[("value.after.user_id", "int64"), ("value.op", "text")]);
            let decoder = Decoder::new(&of, "t", 0, Tombstone::Ignore, usize::MAX).unwrap();
            let mut decoder = decoder.with_formats(&avro()).unwrap();
            let id = SchemaId::Id(1);
            let part = Part::Value;
            decoder.learn(WantedSchema { part, id }, &found);
            let _ = decoder.look(&record(&framed(&[0; 300])));
            let decoded = decoder.decode(&record(&framed(&[2; 300])));
            assert_eq!(
                decoded.batch.rows + decoded.dead_letters.len(),
                1,
                "{name} {seed}"
            );
        }
    }
}
