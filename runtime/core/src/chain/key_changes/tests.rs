use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{BooleanArray, Int64Array, StringArray};

use crate::column::LogicalType;

use super::*;

/// Key, large value (`None`: not sent), whether it is deleted, and the key before.
type Row = (i64, Option<&'static str>, bool, Option<i64>);

fn field(name: &str, logical_type: LogicalType) -> Field {
    Field {
        name: name.to_owned(),
        logical_type,
        nullable: true,
    }
}

fn batch(rows: &[Row]) -> Batch {
    let fields = [
        field("id", LogicalType::Int64),
        field("big", LogicalType::Text),
        field("gone", LogicalType::Boolean),
        field("old", LogicalType::Int64),
    ];
    let big: StringArray = rows.iter().map(|row| row.1).collect();
    let sent = rows.iter().map(|row| row.1.is_some()).collect();
    let columns = vec![
        Column::new(Arc::new(
            rows.iter().map(|r| Some(r.0)).collect::<Int64Array>(),
        )),
        Column {
            values: Arc::new(big),
            presence: Some(sent),
        },
        Column::new(Arc::new(BooleanArray::from_iter(
            rows.iter().map(|r| Some(r.2)),
        ))),
        Column::new(Arc::new(rows.iter().map(|r| r.3).collect::<Int64Array>())),
    ];
    Batch {
        rows: rows.len(),
        fields: fields.into(),
        columns,
    }
}

fn big(batch: &Batch) -> Vec<Option<&str>> {
    let texts = batch.columns[1].values.as_string::<i32>();
    let is_here = |row: &usize| batch.columns[1].is_present(*row);
    let rows = 0..batch.rows;
    rows.map(|row| is_here(&row).then(|| texts.value(row)))
        .collect()
}

/// What the rows have in the end; what is asked of the table is answered by `stored`.
fn filled(rows: &[Row], stored: impl Fn(i64, bool) -> Option<&'static str>) -> Vec<Option<String>> {
    filled_before(rows.len(), rows, stored)
}

/// The same, where a record in front of row `unread` became no row.
fn filled_before(
    unread: usize,
    rows: &[Row],
    stored: impl Fn(i64, bool) -> Option<&'static str>,
) -> Vec<Option<String>> {
    let mut batch = batch(rows);
    let written = batch.fields.to_vec();
    let roles = Roles {
        key: vec!["id".to_owned()],
        deleted: Some("gone".to_owned()),
        old_key: vec!["old".to_owned()],
        ..Roles::default()
    };
    let old_key = OldKey::new(&roles, &written).expect("it tells of old keys");
    let cells = Cells::new(&roles, &written, &[], &written[..2]);
    let target = TargetColumns::new(&written[..2], &written).expect("all are written");
    let mut changes = KeyChanges {
        old_key: &old_key,
        cells: &cells,
        target: &target,
        key: &roles.key,
        stored: None,
        until_us: &|_| 7,
        is_of_delete: true,
        is_certain: &|row| row < unread,
        partition: 3,
    };
    let Some(wanted) = changes.fill(&mut batch) else {
        return big(&batch)
            .into_iter()
            .map(|b| b.map(str::to_owned))
            .collect();
    };
    let previous = wanted.previous.clone().expect("keys of before");
    assert!(previous.until_us.iter().all(|us| *us == 7));
    assert!(previous.deleted_at_us.iter().all(|us| *us == Some(7)));
    assert_eq!(previous.partition, 3);
    let keys = wanted.keys.columns[0]
        .values
        .as_primitive::<arrow_array::types::Int64Type>();
    assert!(keys.values().is_sorted(), "rows are locked in one order");
    let asked = keys.values().iter().zip(previous.may_be_deleted);
    let answers: Vec<_> = asked.map(|(key, may_be)| stored(*key, may_be)).collect();
    let answer = Batch {
        rows: answers.len(),
        fields: wanted.columns.clone().into(),
        columns: vec![Column {
            presence: Some(answers.iter().map(Option::is_some).collect()),
            values: Arc::new(answers.into_iter().collect::<StringArray>()),
        }],
    };
    let stored = Stored::new(wanted, &answer, &[]).expect("an answer");
    changes.stored = Some(&stored);
    let mut again = self::batch(rows);
    assert!(changes.fill(&mut again).is_none(), "nothing is asked twice");
    big(&again)
        .into_iter()
        .map(|b| b.map(str::to_owned))
        .collect()
}

fn nothing_there(_: i64, _: bool) -> Option<&'static str> {
    None
}

#[test]
fn what_the_batch_has_of_the_old_key_is_taken_from_it() {
    let rows = [
        (1, Some("a"), false, None),
        (1, None, false, None),
        (1, None, true, None),
        (2, None, false, Some(1)),
        (2, None, true, None),
        (3, None, false, Some(2)),
    ];
    let filled = filled(&rows, |_, _| panic!("the table is not asked"));
    let a = Some("a".to_owned());
    assert_eq!(filled, [a.clone(), None, None, a.clone(), None, a]);
}

#[test]
fn what_it_has_not_is_asked_of_the_table_and_of_the_life_that_ended() {
    let rows = [
        (1, None, true, None),
        (2, None, false, Some(1)),
        (9, None, false, Some(8)),
        (5, Some("own"), false, Some(4)),
    ];
    let stored = |key, may_be_deleted| match (key, may_be_deleted) {
        (1, false) => Some("of one"),
        (8, true) => Some("of eight"),
        other => panic!("{other:?}"),
    };
    let filled = filled(&rows, stored);
    let expected = [None, Some("of one"), Some("of eight"), Some("own")];
    assert_eq!(filled, expected.map(|text| text.map(str::to_owned)));
}

#[test]
fn a_life_before_the_last_one_gives_nothing() {
    let rows = [
        (1, Some("dead"), false, None),
        (1, None, true, None),
        (1, None, false, None),
        (1, None, true, None),
        (2, None, false, Some(1)),
    ];
    assert_eq!(filled(&rows, nothing_there)[4], None);
    // Nor does a row that is deleted, and what comes later.
    let rows = [
        (2, None, true, Some(1)),
        (3, None, false, Some(7)),
        (7, Some("x"), false, None),
    ];
    assert_eq!(filled(&rows, nothing_there)[..2], [None, None]);
}

#[test]
fn behind_a_record_that_became_no_row_nothing_is_taken() {
    let rows = [
        (1, Some("a"), false, None),
        (1, None, true, None),
        (2, None, false, Some(1)),
        (9, None, false, Some(8)),
    ];
    let filled = filled_before(1, &rows, |_, _| panic!("the table is not asked"));
    assert_eq!(filled, [Some("a".to_owned()), None, None, None]);
}
