//! A batch's dead letters as arrays.

use std::fmt::Write;

use gristmill_core::chain::Computed;
use gristmill_core::record::Record;
use serde_json::{Map, Value};

use crate::commit::sink::{Digests, Parameters};
use crate::wire::values::Instant;

/// Parameters 15 to 24 of [`crate::commit::statement::CHECKPOINT_TYPES`].
#[derive(Default)]
pub(crate) struct Letters<'a> {
    pub(crate) offsets: Vec<i64>,
    ordinals: Vec<i32>,
    pub(crate) stages: Vec<String>,
    pub(crate) codes: Vec<String>,
    pub(crate) messages: Vec<String>,
    pub(crate) digests: Vec<Option<String>>,
    keys: Vec<Option<&'a [u8]>>,
    headers: Vec<Option<String>>,
    values: Vec<Option<&'a [u8]>>,
    record_at: Vec<Option<Instant>>,
}

impl<'a> Letters<'a> {
    pub(crate) fn new(batch: &'a Computed, digests: Digests<'_>) -> Self {
        let mut letters = Self::default();
        for letter in &batch.dead_letters {
            let record = batch.records.get(letter.record as usize);
            letters.offsets.push(record.offset);
            letters.ordinals.push(letter.ordinal as i32);
            letters.stages.push(storable(letter.stage.to_text()));
            letters.codes.push(storable(letter.code.clone()));
            letters.messages.push(storable(letter.message.clone()));
            letters.digests.push(digests(&letter.stage));
            letters.keys.push(record.key);
            letters.headers.push(headers_json(&record));
            letters.values.push(record.value);
            letters
                .record_at
                .push(record.timestamp_ms.map(Instant::from_ms));
        }
        letters
    }

    pub(crate) fn parameters(&self) -> Parameters<'_> {
        vec![
            &self.offsets,
            &self.ordinals,
            &self.stages,
            &self.codes,
            &self.messages,
            &self.digests,
            &self.keys,
            &self.headers,
            &self.values,
            &self.record_at,
        ]
    }
}

/// Postgres' text holds any character but U+0000, which a transform's message may quote.
pub(crate) fn storable(text: String) -> String {
    if text.contains('\0') {
        text.replace('\0', "\u{fffd}")
    } else {
        text
    }
}

/// The headers as `gristmill.dead_letter.headers` keeps them; `None` where there are none.
fn headers_json(record: &Record<'_>) -> Option<String> {
    let headers: Vec<Value> = record
        .headers()
        .map(|(name, value)| {
            let mut header = Map::new();
            put("name", "name_hex", name.as_bytes(), &mut header);
            if let Some(value) = value {
                put("text", "hex", value, &mut header);
            }
            Value::Object(header)
        })
        .collect();
    (!headers.is_empty()).then(|| Value::Array(headers).to_string())
}

/// Under `text` where jsonb can hold the bytes as a string, else under `hex`.
fn put(text: &str, hex: &str, bytes: &[u8], header: &mut Map<String, Value>) {
    match std::str::from_utf8(bytes) {
        Ok(string) if !string.contains('\0') => header.insert(text.to_owned(), string.into()),
        _ => {
            let mut digits = String::with_capacity(bytes.len() * 2);
            for byte in bytes {
                let _ = write!(digits, "{byte:02x}");
            }
            header.insert(hex.to_owned(), digits.into())
        }
    };
}
