//! How to read what comes out of a chain.

use arrow_array::Array;
use gristmill_core::chain::{Computed, Earlier};
use gristmill_core::column::LogicalType;

use crate::rules::{ints, texts};

/// A row as the sink gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) key: String,
    pub(crate) at_us: i64,
    pub(crate) seq: Option<i64>,
    pub(crate) upper: Option<String>,
    pub(crate) offset: i64,
    pub(crate) rank: u32,
}

pub(crate) fn rows(computed: &Computed) -> Vec<Row> {
    let batch = &computed.rows;
    assert!(batch.is_well_formed());
    assert_eq!(batch.rows, computed.sources.len());
    let key = |row: usize| match batch.fields[1].logical_type {
        LogicalType::Text => texts(batch, 1).value(row).to_owned(),
        _ => ints(batch, 1).value(row).to_string(),
    };
    let row = |row: usize| Row {
        key: key(row),
        at_us: ints(batch, 2).value(row),
        seq: ints(batch, 3)
            .is_valid(row)
            .then(|| ints(batch, 3).value(row)),
        upper: texts(batch, 0)
            .is_valid(row)
            .then(|| texts(batch, 0).value(row).to_owned()),
        offset: computed
            .records
            .get(computed.sources[row].record as usize)
            .offset,
        rank: computed.sources[row].rank,
    };
    (0..batch.rows).map(row).collect()
}

/// `(key, upper)` of each row.
pub(crate) fn landed(computed: &Computed) -> Vec<(String, String)> {
    rows(computed)
        .into_iter()
        .map(|r| (r.key, r.upper.unwrap_or_default()))
        .collect()
}

/// `(record, ordinal, stage, code)` of each dead letter.
pub(crate) fn letters(computed: &Computed) -> Vec<(u32, u32, String, String)> {
    let letters = computed.dead_letters.iter();
    letters
        .map(|d| (d.record, d.ordinal, d.stage.to_text(), d.code.clone()))
        .collect()
}

/// Everything that came in is accounted for. `splits`: rows that the normalizer made beyond one a
/// record.
pub(crate) fn assert_adds_up(computed: &Computed, splits: u64) {
    let c = computed.counts;
    assert_eq!(
        c.records + splits,
        c.tombstones + c.dropped + c.superseded + c.rows + c.dead_letters,
        "{c:?}"
    );
    let is_truncate = |e: &&Earlier| matches!(e, Earlier::Truncate(_));
    let truncates = computed.earlier.iter().filter(is_truncate).count();
    assert_eq!(c.rows, (computed.rows.rows + truncates) as u64);
    assert_eq!(c.dead_letters, computed.dead_letters.len() as u64);
    assert_eq!(c.records, computed.records.len() as u64);
    let unique = computed.dead_letters.windows(2);
    assert!(
        unique
            .into_iter()
            .all(|w| (w[0].record, w[0].ordinal) < (w[1].record, w[1].ordinal))
    );
    let offset = |r: &gristmill_core::record::Record<'_>| r.offset + 1;
    assert_eq!(
        Some(computed.next_offset),
        computed.records.last().as_ref().map(offset)
    );
}
