use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Int64Array, StringArray};
use proptest::prelude::*;

use super::*;

/// A row as a test sees it: a number and a text, each absent (`None`), null (`Some(None)`) or
/// there.
type Pair = (Option<Option<i64>>, Option<Option<String>>);

fn fields() -> Arc<[Field]> {
    let field = |name: &str, logical_type| Field {
        name: name.to_owned(),
        logical_type,
        nullable: true,
    };
    Arc::from([
        field("n", LogicalType::Int64),
        field("s", LogicalType::Text),
    ])
}

fn presence(bits: impl ExactSizeIterator<Item = bool> + Clone) -> Option<BooleanBuffer> {
    bits.clone().any(|b| !b).then(|| bits.collect())
}

fn batch(rows: &[Pair]) -> Batch {
    let numbers: Int64Array = rows.iter().map(|r| r.0.flatten()).collect();
    let texts: StringArray = rows.iter().map(|r| r.1.clone().flatten()).collect();
    Batch {
        rows: rows.len(),
        fields: fields(),
        columns: vec![
            Column {
                values: Arc::new(numbers),
                presence: presence(rows.iter().map(|r| r.0.is_some())),
            },
            Column {
                values: Arc::new(texts),
                presence: presence(rows.iter().map(|r| r.1.is_some())),
            },
        ],
    }
}

fn rows(batch: &Batch) -> Vec<Pair> {
    assert!(batch.is_well_formed());
    let present = |c: usize, i| {
        batch.columns[c]
            .presence
            .as_ref()
            .is_none_or(|p| p.value(i))
    };
    let numbers = batch.columns[0].values.as_primitive::<Int64Type>().iter();
    let texts = batch.columns[1].values.as_string::<i32>().iter();
    let row = |(i, (n, s)): (usize, (Option<i64>, Option<&str>))| {
        (
            present(0, i).then_some(n),
            present(1, i).then(|| s.map(str::to_owned)),
        )
    };
    numbers.zip(texts).enumerate().map(row).collect()
}

fn any_rows() -> impl Strategy<Value = Vec<Pair>> {
    // Whole batches without an absent value are as likely as mixed ones: their columns have no
    // presence.
    let number = || prop::option::of(any::<i64>());
    let text = || prop::option::of("[a-zé]{0,4}");
    prop_oneof![
        prop::collection::vec(
            (prop::option::of(number()), prop::option::of(text())),
            0..20
        ),
        prop::collection::vec((number().prop_map(Some), text().prop_map(Some)), 0..20),
    ]
}

proptest! {
    #[test]
    fn take_picks_rows(
        all in any_rows(),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let picks: Vec<usize> = match all.len() {
            0 => Vec::new(),
            n => picks.iter().map(|i| i.index(n)).collect(),
        };
        let indices: Vec<u32> = picks.iter().map(|&i| i as u32).collect();
        let expected: Vec<Pair> = picks.iter().map(|&i| all[i].clone()).collect();
        prop_assert_eq!(rows(&batch(&all).take(&indices)), expected);
    }

    #[test]
    fn concat_of_slices_is_the_whole(
        all in any_rows(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let whole = batch(&all);
        let mut cuts: Vec<usize> = cuts.iter().map(|i| i.index(all.len() + 1)).collect();
        cuts.extend([0, all.len()]);
        cuts.sort_unstable();
        let slices: Vec<Batch> = cuts.windows(2).map(|c| whole.slice(c[0], c[1] - c[0])).collect();
        for (slice, cut) in slices.iter().zip(cuts.windows(2)) {
            prop_assert_eq!(rows(slice), &all[cut[0]..cut[1]]);
        }
        prop_assert_eq!(rows(&Batch::concat(&slices)), all);
    }

    #[test]
    fn concat_puts_one_after_the_other(parts in prop::collection::vec(any_rows(), 1..5)) {
        let batches: Vec<Batch> = parts.iter().map(|p| batch(p)).collect();
        prop_assert_eq!(rows(&Batch::concat(&batches)), parts.concat());
    }
}

#[test]
fn select_finds_columns_by_name_and_meaning() {
    let batch = batch(&[
        (Some(Some(1)), Some(None)),
        (None, Some(Some("x".to_owned()))),
    ]);
    let mut wanted = vec![fields()[1].clone(), fields()[0].clone()];
    wanted[0].nullable = false;
    let selected = batch.select(&wanted).unwrap();
    assert_eq!(selected.fields.as_ref(), wanted);
    assert_eq!(
        selected.columns[1]
            .values
            .as_primitive::<Int64Type>()
            .value(0),
        1
    );
    assert!(!selected.columns[1].presence.as_ref().unwrap().value(1));
    wanted[0].logical_type = LogicalType::Json;
    assert!(batch.select(&wanted).is_none());
    wanted[0].name = "other".to_owned();
    assert!(batch.select(&wanted).is_none());
    assert_eq!(batch.select(&[]).unwrap().rows, 2);
}

#[test]
fn a_concat_of_nothing_is_empty() {
    let nothing = Batch::concat(&[]);
    assert_eq!(
        (nothing.rows, nothing.fields.len(), nothing.columns.len()),
        (0, 0, 0)
    );
}
