//! Any bytes as a record's value and key: the decoder ends, its columns are well formed, and a
//! value is malformed exactly when it is no JSON by serde_json's reading of the grammar.
#![no_main]

use gristmill_core::chain::Tombstone;
use gristmill_core::column::{Field, LogicalType as T};
use gristmill_core::decode::Decoder;
use gristmill_core::record::Records;
use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;

fn reads() -> Vec<Field> {
    let decimal = T::Decimal {
        precision: 9,
        scale: 2,
    };
    [
        ("value.a", T::Json),
        ("value.a.b", T::Int64),
        ("value.b", T::Text),
        ("value.c", decimal),
        ("value.d", T::Float64),
        ("value.\"e.f\"", T::TimestampMs),
        ("value.u", T::Uuid),
        ("key.id", T::Int64),
        ("key", T::Text),
        ("header.h", T::Text),
    ]
    .map(|(name, logical_type)| Field {
        name: name.to_owned(),
        logical_type,
        nullable: true,
    })
    .into()
}

/// Whether `value` is JSON, but for how deep it nests.
fn is_json(value: &[u8]) -> bool {
    let text = std::str::from_utf8(value).map(|text| text.strip_prefix('\u{feff}').unwrap_or(text));
    text.is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

fuzz_target!(|parts: (&[u8], Option<&[u8]>, Option<&[u8]>)| {
    let (value, key, header) = parts;
    let mut records = Records::default();
    for offset in 0..2 {
        let headers = [("h", header)];
        records.push(offset, None, key, Some(value), headers.into_iter());
    }
    let all = reads();
    let decoder = Decoder::new(&all, "t", 0, Tombstone::Ignore, 1 << 20).unwrap();
    let mut decoder = decoder.with_absent(Some("ab"));
    let decoded = decoder.decode(&records);
    assert!(decoded.batch.is_well_formed());
    let passed_over = decoded.tombstones as usize;
    assert_eq!(decoded.batch.rows + decoded.dead_letters.len() + passed_over, 2);

    let unread = [Field {
        name: "value.nowhere.at.all".to_owned(),
        logical_type: T::Text,
        nullable: true,
    }];
    let mut decoder = Decoder::new(&unread, "t", 0, Tombstone::Ignore, 1 << 20).unwrap();
    let decoded = decoder.decode(&records);
    let is_refused = decoded
        .dead_letters
        .first()
        .is_some_and(|letter| letter.code == "malformed" && !letter.message.contains("more than"));
    if is_json(value) || value.is_empty() {
        assert!(!is_refused, "{:?}", decoded.dead_letters);
    } else {
        assert_eq!(decoded.batch.rows, 0);
    }
});
