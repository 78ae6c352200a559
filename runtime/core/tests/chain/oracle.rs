//! The outcome by other means: from all events at once, without batches or state.

use std::collections::BTreeMap;

use gristmill_core::chain::{ChainSpec, Late};

use crate::postgres::{Postgres, STEP};
use crate::rules::*;

/// The table and the dead letters, from all events at once. Letters of rows that may lose to a
/// newer one before anybody looks at them are optional.
pub(crate) fn oracle(
    events: &[Event],
    spec: &ChainSpec,
    shape: Shape,
) -> (Postgres, BTreeMap<(i64, u32), String>) {
    let (mut postgres, mut optional) = (Postgres::default(), BTreeMap::new());
    let mut max = None;
    for (i, event) in events.iter().enumerate() {
        let offset = i as i64 * STEP;
        let at_us = event.at * 1000;
        let mut whole = |code: &str| postgres.letters.insert((offset, 0), code.to_owned());
        match event.note.as_str() {
            "malformed" => _ = whole("malformed"),
            "reject-first" => _ = whole("rejected"),
            "trap-first" => _ = whole("transform-trapped"),
            "drop" | "tombstone" => {}
            note => {
                let late = max.is_some_and(|m: i64| at_us < m - spec.time.watermark_delay_us);
                max = max.max(Some(at_us));
                for (rank, key) in event.also.into_iter().chain([event.key]).enumerate() {
                    let letter = (offset, rank as u32 + 1);
                    if late && spec.time.late == Late::DeadLetter {
                        postgres.letters.insert(letter, "late".to_owned());
                        continue;
                    }
                    let bad = [
                        ("trap", "transform-trapped"),
                        ("reject", "rejected"),
                        ("zero", "zero-byte"),
                        ("refuse", "refused"),
                    ];
                    if let Some((_, code)) = bad.iter().find(|(n, _)| *n == note) {
                        optional.insert(letter, (*code).to_owned());
                        continue;
                    }
                    let key = if shape.text_key {
                        format!("key {key}")
                    } else {
                        key.to_string()
                    };
                    let version = (
                        at_us,
                        event.seq.filter(|_| shape.order),
                        offset,
                        rank as u32,
                    );
                    let stored = postgres
                        .table
                        .entry(key)
                        .or_insert((version, note.to_uppercase()));
                    if stored.0 < version {
                        *stored = (version, note.to_uppercase());
                    }
                }
            }
        }
    }
    postgres.event_time_max = max;
    (postgres, optional)
}

/// Bad rows newer than the newest good one of their key: each must have been tried, and so be a
/// dead letter.
pub(crate) fn surely_tried(
    events: &[Event],
    postgres: &Postgres,
    shape: Shape,
    letter: (i64, u32),
) -> bool {
    let event = &events[(letter.0 / STEP) as usize];
    let key = [event.also, Some(event.key)]
        .into_iter()
        .flatten()
        .nth(letter.1 as usize - 1)
        .unwrap();
    let key = if shape.text_key {
        format!("key {key}")
    } else {
        key.to_string()
    };
    let version = (
        event.at * 1000,
        event.seq.filter(|_| shape.order),
        letter.0,
        letter.1 - 1,
    );
    postgres
        .table
        .get(&key)
        .is_none_or(|(winner, _)| *winner < version)
}
