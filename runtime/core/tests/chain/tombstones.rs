//! Records without a value, whose only time is of Kafka's clock.

use std::sync::Arc;

use arrow_array::{Array, Int64Array};
use gristmill_core::chain::{Chain, Computed, Tombstone};
use gristmill_core::column::{Batch, Column, LogicalType};
use gristmill_core::dimension::Dimensions;
use gristmill_core::plan::{Plan, Roles};
use gristmill_core::record::Records;
use gristmill_core::transform::{Fault, Output};

use crate::rules::*;

/// A row is its key and the event's time, or Kafka's where there is no value.
fn normalize(batch: &Batch) -> Result<Output, Fault> {
    let (at, kafka) = (ints(batch, 1), ints(batch, 2));
    let time = |row| match at.is_valid(row) {
        true => at.value(row),
        false => kafka.value(row),
    };
    let times: Int64Array = (0..batch.rows).map(time).collect::<Vec<_>>().into();
    Ok(Output {
        columns: vec![batch.columns[0].clone(), Column::new(Arc::new(times))],
        rows: batch.rows,
        source_rows: None,
        rejections: Vec::new(),
    })
}

fn chain(event_time_max: Option<i64>) -> Chain {
    let plan = Plan {
        reads: vec![
            field("key.id", LogicalType::Int64, true),
            field("value.at", LogicalType::TimestampMs, true),
            field("meta.timestamp", LogicalType::TimestampMs, true),
        ],
        writes: vec![
            field("key", LogicalType::Int64, false),
            field("at", LogicalType::TimestampMs, false),
        ],
        roles: Some(Roles {
            key: vec!["key".to_owned()],
            event_time: "at".to_owned(),
            deleted: None,
            order: Vec::new(),
            ..Roles::default()
        }),
        ..Plan::default()
    };
    let normalizer = Native {
        name: "normalize",
        plan,
        rule: Box::new(normalize),
    };
    let mut spec = spec(PLAIN);
    spec.tombstone = Tombstone::Delete;
    spec.target = vec![
        field("key", LogicalType::Int64, false),
        field("at", LogicalType::TimestampMs, false),
    ];
    let dimensions = Arc::new(Dimensions::new());
    Chain::new(spec, vec![Box::new(normalizer)], dimensions, event_time_max).unwrap()
}

/// Key, Kafka's time and the event's, none for a tombstone, at rising offsets.
fn log(events: &[(i64, i64, Option<i64>)]) -> Records {
    let mut records = Records::default();
    for (offset, (id, kafka, at)) in events.iter().enumerate() {
        let key = format!(r#"{{"id":{id}}}"#);
        // A tombstone is one however a converter spells it.
        let nothing = [
            None,
            Some("null"),
            Some(""),
            Some(r#"{"schema":1,"payload":null}"#),
        ];
        let value = match at {
            Some(at) => Some(format!(r#"{{"at":{at}}}"#)),
            None => nothing[offset % 4].map(str::to_owned),
        };
        let value = value.as_ref().map(String::as_bytes);
        let (offset, key) = (offset as i64, Some(key.as_bytes()));
        records.push(offset, Some(*kafka), key, value, std::iter::empty());
    }
    records
}

/// Key, time and offset of what is to be written.
fn written(computed: &Computed) -> Vec<(i64, i64, i64)> {
    let rows = (0..computed.rows.rows).map(|row| {
        let record = computed.sources[row].record as usize;
        let offset = computed.records.get(record).offset;
        let value = |column| ints(&computed.rows, column).value(row);
        (value(0), value(1), offset)
    });
    let mut rows: Vec<_> = rows.collect();
    rows.sort_unstable();
    rows
}

#[test]
fn a_tombstone_stands_at_its_place_in_the_log() {
    let lagging = log(&[
        (1, 9_000, Some(100)),
        (2, 9_000, Some(200)),
        (1, 9_001, None),
        (2, 9_001, None),
        (1, 9_002, Some(300)),
    ]);
    let computed = chain(None).compute(lagging, NOW_US).unwrap();
    // Key 1 lives again; key 2's deletion is newer than what it deletes.
    assert_eq!(written(&computed), [(1, 300, 4), (2, 200, 3)]);
    assert_eq!(computed.event_time_max, Some(300_000));
}

#[test]
fn a_tombstone_is_no_newer_than_what_came_before_the_batch() {
    let alone = || log(&[(1, 9_000, None)]);
    let computed = chain(Some(500_000)).compute(alone(), NOW_US).unwrap();
    assert_eq!(written(&computed), [(1, 500, 0)]);
    // Nothing is known but Kafka's time.
    let computed = chain(None).compute(alone(), NOW_US).unwrap();
    assert_eq!(written(&computed), [(1, 9_000, 0)]);
}

/// Kafka's clock is behind the source's: a tombstone deletes what stands before it all the same, in
/// one batch or in several.
#[test]
fn a_tombstone_of_a_slow_clock_deletes_however_batches_are_cut() {
    let events = [
        (1, 100, Some(9_500)),
        (2, 200, Some(9_000)),
        (1, 300, None),
        (2, 300, None),
        (2, 400, Some(9_600)),
    ];
    let computed = chain(None).compute(log(&events), NOW_US).unwrap();
    assert_eq!(written(&computed), [(1, 9_500, 2), (2, 9_600, 4)]);
    let mut chain = chain(None);
    for (cut, expected) in [
        (&events[..2], [(1, 9_500, 0), (2, 9_000, 1)]),
        (&events[2..4], [(1, 9_500, 0), (2, 9_500, 1)]),
    ] {
        let computed = chain.compute(log(cut), NOW_US).unwrap();
        assert_eq!(written(&computed), expected);
    }
}

#[test]
fn a_tombstone_that_begins_a_partition_is_no_newer_than_what_follows() {
    let first = log(&[(1, 9_000, None), (1, 9_001, Some(300))]);
    let computed = chain(None).compute(first, NOW_US).unwrap();
    assert_eq!(written(&computed), [(1, 300, 1)]);
}

/// A replay's letters are no log: the highest time among them says nothing of a tombstone's place.
#[test]
fn a_tombstone_among_letters_keeps_kafkas_time() {
    let letters = log(&[(1, 500, Some(7)), (2, 400, None)]);
    let computed = chain(None).of_letters().compute(letters, NOW_US).unwrap();
    assert_eq!(written(&computed), [(1, 7, 0), (2, 400, 1)]);
}

/// A time that is refused is no time to take a place from.
#[test]
fn a_tombstone_that_begins_a_partition_takes_no_time_that_does_not_count() {
    let first = log(&[
        (1, 500, None),
        (2, 500, Some(-5)),
        (3, 500, Some(70)),
        (4, 500, Some(NOW_US)),
    ]);
    let computed = chain(None).compute(first, NOW_US).unwrap();
    assert_eq!(written(&computed), [(1, 70, 0), (3, 70, 2)]);
}
