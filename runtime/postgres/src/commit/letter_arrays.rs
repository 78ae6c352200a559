//! A batch's dead letters as arrays.

use std::borrow::Cow;
use std::fmt::Write;

use gristmill_core::chain::Computed;
use gristmill_core::dead_letter::{DeadLetter, Stage};
use gristmill_core::record::{self, Record, Records};
use serde_json::{Map, Value};

use crate::wire::column_array::Instant;

/// Looks up the digest of the component behind a stage, for its dead letters.
pub(crate) type Digests<'a> = &'a (dyn Fn(&Stage) -> Option<String> + Sync);

/// One array for each column of `gristmill.dead_letter` that differs between letters.
#[derive(Default)]
pub(crate) struct LetterArrays<'a> {
    pub(crate) offsets: Vec<i64>,
    pub(crate) ordinals: Vec<i32>,
    pub(crate) stages: Vec<String>,
    pub(crate) codes: Vec<String>,
    pub(crate) messages: Vec<String>,
    pub(crate) digests: Vec<Option<String>>,
    pub(crate) keys: Vec<Option<&'a [u8]>>,
    pub(crate) headers: Vec<Option<String>>,
    pub(crate) values: Vec<Option<Cow<'a, [u8]>>>,
    pub(crate) record_at: Vec<Option<Instant>>,
}

impl<'a> LetterArrays<'a> {
    pub(crate) fn new(batch: &'a Computed, digests: Digests<'_>) -> Self {
        Self::of(&batch.records, &batch.dead_letters, digests)
    }

    /// Those of `letters`, which are about `records`.
    pub(crate) fn of(records: &'a Records, of: &[DeadLetter], digests: Digests<'_>) -> Self {
        let mut letters = Self::default();
        for letter in of {
            let record = records.get(letter.record as usize);
            letters.offsets.push(record.offset);
            letters.ordinals.push(letter.ordinal as i32);
            letters.stages.push(storable(letter.stage.to_text()));
            letters.codes.push(storable(letter.code.clone()));
            letters.messages.push(storable(letter.message.clone()));
            letters.digests.push(digests(&letter.stage));
            letters.keys.push(record.key);
            letters.headers.push(headers_json(&record));
            letters.values.push(record.value.map(record::Value::whole));
            letters
                .record_at
                .push(record.timestamp_ms.map(Instant::from_ms));
        }
        letters
    }
}

/// Postgres' text holds any character but U+0000, which a transform's message may quote.
fn storable(text: String) -> String {
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
