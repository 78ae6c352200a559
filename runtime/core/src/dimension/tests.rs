use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, Int64Array, StringArray};
use arrow_schema::DataType;
use proptest::prelude::*;

use super::*;
use crate::column::LogicalType;

/// A key of two columns, either null at will.
type Key = (Option<i64>, Option<String>);

fn field(name: &str, logical_type: LogicalType) -> Field {
    Field {
        name: name.to_owned(),
        logical_type,
        nullable: true,
    }
}

fn key_columns_of(keys: &[Key]) -> (Column, Column) {
    let numbers: Int64Array = keys.iter().map(|k| k.0).collect();
    let texts: StringArray = keys.iter().map(|k| k.1.clone()).collect();
    (Column::new(Arc::new(numbers)), Column::new(Arc::new(texts)))
}

/// Rows of a key (`zone`, `code`) and the rank of the row, `rank`.
fn rows(keys: &[Key]) -> Batch {
    let (zone, code) = key_columns_of(keys);
    let rank: Int64Array = (0..keys.len() as i64)
        .map(|i| (i % 3 != 0).then_some(i))
        .collect();
    let fields = [
        field("rank", LogicalType::Int64),
        field("code", LogicalType::Text),
        field("zone", LogicalType::Int64),
    ];
    let columns = vec![Column::new(Arc::new(rank)), code, zone];
    Batch {
        rows: keys.len(),
        fields: Arc::from(fields),
        columns,
    }
}

fn key() -> [String; 2] {
    ["zone".to_owned(), "code".to_owned()]
}

fn some(zone: i64, code: &str) -> Key {
    (Some(zone), Some(code.to_owned()))
}

fn any_key() -> impl Strategy<Value = Key> {
    // Few enough values that keys meet.
    (0..6i64, "[ab]{0,2}").prop_map(|(zone, code)| some(zone, &code))
}

proptest! {
    #[test]
    fn lookup_equals_a_hash_map(
        keys in prop::collection::hash_set(any_key(), 0..30),
        asked in prop::collection::vec(
            (prop::option::of(0..6i64), prop::option::of("[ab]{0,2}")),
            0..60,
        ),
    ) {
        let keys: Vec<Key> = keys.into_iter().collect();
        let map: HashMap<&Key, u32> = keys.iter().zip(0..).collect();
        let dimension = Dimension::new("d", rows(&keys), &key()).unwrap();
        let (zone, code) = key_columns_of(&asked);
        let found = dimension.lookup(&[&zone, &code], asked.len());
        let expected: Vec<Option<u32>> = asked.iter().map(|k| map.get(k).copied()).collect();
        prop_assert_eq!(&found, &expected);

        let fields = [field("rank", LogicalType::Int64), field("code", LogicalType::Text)];
        let taken = dimension.take(&found, &fields);
        let ranks: Vec<_> = taken[0].values.as_primitive::<Int64Type>().iter().collect();
        let codes: Vec<_> = taken[1].values.as_string::<i32>().iter().collect();
        for (i, row) in expected.iter().enumerate() {
            prop_assert_eq!(ranks[i], row.filter(|r| r % 3 != 0).map(i64::from));
            prop_assert_eq!(codes[i], row.and_then(|r| keys[r as usize].1.as_deref()));
        }
    }

    #[test]
    fn a_repeated_key_is_refused(keys in prop::collection::vec(any_key(), 0..12)) {
        let distinct: std::collections::HashSet<_> = keys.iter().collect();
        let built = Dimension::new("d", rows(&keys), &key());
        prop_assert_eq!(built.is_ok(), distinct.len() == keys.len());
    }

    #[test]
    fn the_digest_is_that_of_the_set_of_rows(
        keys in prop::collection::hash_set(any_key(), 1..10),
        other in prop::collection::hash_set(any_key(), 1..10),
        shift in any::<prop::sample::Index>(),
    ) {
        let digest = |batch: Batch| Dimension::new("d", batch, &key()).unwrap().digest();
        let list: Vec<Key> = keys.iter().cloned().collect();
        let batch = rows(&list);
        let mut order: Vec<u32> = (0..list.len() as u32).collect();
        order.rotate_left(shift.index(list.len()));
        prop_assert_eq!(digest(batch.take(&order)), digest(batch.clone()));
        // Whatever the rank says: the keys alone tell two sets apart.
        if other != keys {
            let other: Vec<Key> = other.into_iter().collect();
            prop_assert_ne!(digest(rows(&other)), digest(batch));
        }
    }
}

#[test]
fn the_digest_sees_every_value_and_the_shape() {
    let keys = [some(1, "a"), some(2, "b")];
    let digest =
        |batch: &Batch, key: &[String]| Dimension::new("d", batch.clone(), key).unwrap().digest();
    let batch = rows(&keys);
    let mut renamed = batch.clone();
    renamed.fields = batch
        .fields
        .iter()
        .map(|f| Field {
            name: f.name.replace("rank", "grade"),
            ..f.clone()
        })
        .collect();
    let mut changed = batch.clone();
    changed.columns[0] = Column::new(Arc::new(Int64Array::from(vec![None, Some(2)])));
    let mut shifted = batch.clone();
    shifted.columns[0] = Column::new(Arc::new(Int64Array::from(vec![Some(0), Some(1)])));
    let mut digests = vec![
        digest(&batch, &key()),
        digest(&batch, &["zone".to_owned()]),
        digest(&batch, &["code".to_owned(), "zone".to_owned()]),
        digest(&renamed, &key()),
        digest(&changed, &key()),
        digest(&shifted, &key()),
    ];
    let count = digests.len();
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), count);
    // Hosts and versions compare digests: this one may never change.
    assert_eq!(digest(&batch, &key()), 13_013_416_615_737_107_706);
}

#[test]
fn what_cannot_be_a_dimension_is_told_with_its_key() {
    let refuse = |batch: Batch, key: &[&str]| {
        let key: Vec<String> = key.iter().map(|&k| k.to_owned()).collect();
        Dimension::new("countries", batch, &key)
            .unwrap_err()
            .to_string()
    };
    let keys = [
        some(7, "a"),
        some(7, "b"),
        some(7, "a"),
        (None, Some("c".to_owned())),
    ];
    assert_eq!(
        refuse(rows(&keys[..3]), &["zone", "code"]),
        "dimension `countries`: rows 1 and 3 have the same key (zone 7, code \"a\"): a key must \
         be unique"
    );
    assert_eq!(
        refuse(rows(&keys), &["code", "zone"]),
        "dimension `countries`: row 4 has no `zone`, which is part of the key"
    );
    assert_eq!(
        refuse(rows(&keys), &["id"]),
        "dimension `countries`: there is no key column `id`: the columns are rank, code, zone"
    );
    assert_eq!(
        refuse(rows(&keys), &[]),
        "dimension `countries`: the key has no columns: name at least one"
    );
}

#[test]
fn a_lookup_that_does_not_fit_matches_nothing() {
    let keys = [some(1, "a"), some(2, "b")];
    let dimension = Dimension::new("d", rows(&keys), &key()).unwrap();
    let (zone, code) = key_columns_of(&keys);
    assert_eq!(dimension.lookup(&[&zone, &code], 2), [Some(0), Some(1)]);
    assert_eq!(dimension.lookup(&[&code, &zone], 2), [None, None]);
    assert_eq!(dimension.lookup(&[&zone], 2), [None, None]);
    let taken = dimension.take(&[Some(0), None], &[field("colour", LogicalType::Boolean)]);
    assert_eq!(
        (taken[0].values.len(), taken[0].values.null_count()),
        (2, 2)
    );
    assert_eq!(*taken[0].values.data_type(), DataType::Boolean);
}
