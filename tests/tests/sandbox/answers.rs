//! What a component returns is checked before anything uses it.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, Int64Array};
use gristmill_core::transform::{Fault, Transform};
use gristmill_sandbox::SandboxError;
use rstest::rstest;
use serde_json::json;

use crate::guest::{apply, batch, load, misbehaving, module, open};

const NAMES: [Option<&str>; 5] = [Some("ada"), None, Some(""), Some("größer"), Some("reject")];

#[test]
fn an_honest_answer_arrives_whole() {
    let mut transform = misbehaving("");
    let output = apply(&mut transform, &NAMES).unwrap();
    assert_eq!(
        (output.rows, output.source_rows.as_deref()),
        (4, Some(&[0, 1, 2, 3][..]))
    );
    let texts: Vec<_> = output.columns[0].values.as_string::<i32>().iter().collect();
    assert_eq!(texts, NAMES[..4]);
    let bytes: Vec<_> = output.columns[4].values.as_binary::<i32>().iter().collect();
    assert_eq!(
        bytes,
        NAMES[..4]
            .iter()
            .map(|n| n.map(str::as_bytes))
            .collect::<Vec<_>>()
    );
    let integers = output.columns[1].values.as_primitive::<Int64Type>();
    assert_eq!(integers, &Int64Array::from(vec![0, 1, 2, 3]));
    let floats = output.columns[2].values.as_primitive::<Float64Type>();
    assert_eq!(floats.values()[..], [0.0, 1.0, 2.0, 3.0]);
    let odd: Vec<_> = output.columns[3]
        .values
        .as_boolean()
        .iter()
        .flatten()
        .collect();
    assert_eq!(odd, [false, true, false, true]);
    assert_eq!(
        (output.rejections[0].row, output.rejections[0].code.as_str()),
        (4, "told-to")
    );
}

#[test]
fn no_rows_are_a_batch_too() {
    assert_eq!(apply(&mut misbehaving(""), &[]).unwrap().rows, 0);
}

#[test]
fn a_slice_of_a_batch_gives_the_slice_of_the_answer() {
    let mut transform = misbehaving("");
    let names: Vec<_> = (0..100)
        .map(|i| (i % 3 > 0).then_some(["a", "ß", ""][i % 3]))
        .collect();
    let whole = batch(&transform, &names);
    let expected = transform.apply(&whole).unwrap();
    for (start, length) in [(0, 100), (0, 9), (8, 8), (13, 50), (99, 1), (50, 0)] {
        let mut part = whole.clone();
        part.rows = length;
        for column in &mut part.columns {
            column.values = column.values.slice(start, length);
        }
        let output = transform.apply(&part).unwrap();
        for (column, expected) in output.columns.iter().zip(&expected.columns) {
            assert_eq!(
                *column.values,
                *expected.values.slice(start, length),
                "{start} {length}"
            );
        }
    }
}

#[rstest]
#[case(
    "offsets-decrease",
    "returned column `text` with offsets that decrease from 6 to 3 in output row 1"
)]
#[case("offsets-start", "offsets that start at 1 instead of 0")]
#[case("offsets-end", "offsets that end at 10 in 9 bytes of data")]
#[case(
    "offsets-huge",
    "offsets that decrease from 4294967295 to 6 in output row 1"
)]
#[case("offsets-short", "3 offsets of its values where 3 rows need 4")]
#[case("offsets-none", "0 offsets of its values where 3 rows need 4")]
#[case("not-utf8", "text that is not UTF-8 in output row 0")]
#[case("split-character", "text that is not UTF-8 in output row 0")]
#[case(
    "integer-short",
    "column `integer` with 2 values of int64 where 3 rows need 3"
)]
#[case(
    "float-long",
    "column `float` with 4 values of float64 where 3 rows need 3"
)]
#[case(
    "bits-short",
    "column `odd` with 0 bytes of values where 3 rows need 1"
)]
#[case("bits-long", "column `odd` with 3 bytes of values where 3 rows need 1")]
#[case(
    "validity-short",
    "column `text` with 0 bytes of validity where 3 rows need 1"
)]
#[case(
    "validity-long",
    "column `integer` with 3 bytes of validity where 3 rows need 1"
)]
#[case(
    "presence-short",
    "column `text` with 0 bytes of presence where 3 rows need 1"
)]
#[case("pointer-wild", "breaks the interface in apply")]
#[case("pointer-odd", "breaks the interface in apply")]
#[case("null", "column `integer` with a null in output row 1")]
#[case("column-missing", "returned 5 columns, and its plan writes 6")]
#[case("column-extra", "returned 7 columns, and its plan writes 6")]
#[case("layout", "column `text` as int64, which is not the layout of text")]
#[case(
    "layout-bytes",
    "column `text` as bytes, which is not the layout of text"
)]
#[case("source-range", "output row 0 comes from row 1 where row 0 is due")]
#[case("source-order", "output row 0 comes from row 2 where row 0 is due")]
#[case("source-twice", "output row 1 comes from row 0 where row 1 is due")]
#[case("source-missing", "returned 0 rows for 3 of which it rejected 0")]
#[case("reject-range", "rejected row 3 of a batch of 3")]
#[case("reject-kept", "returned 3 rows for 3 of which it rejected 1")]
#[case("reject-twice", "rejected row 0 twice")]
#[case(
    "reject-code",
    "rejected row 0 with the code \"made-up\", and its plan declares `told-to`"
)]
fn a_lie_is_named_and_the_host_goes_on(#[case] lie: &str, #[case] why: &str) {
    let mut transform = misbehaving(lie);
    // Twice: the second call gets a fresh instance and tells the same lie.
    for _ in 0..2 {
        let answer = apply(&mut transform, &[Some("ada"), Some("eve"), Some("bob")]);
        let Err(Fault::Lied(message)) = answer else {
            panic!("{lie}: {answer:?}")
        };
        assert!(
            message.starts_with("transform `rule` ") && message.contains(why),
            "{message}"
        );
    }
}

#[rstest]
#[case("source-range", "output row 2 comes from row 3 of a batch of 3")]
#[case(
    "reject-kept",
    "rejected row 0 and returned it, too (it gave no source-rows)"
)]
#[case("null", "column `integer` with a null in output row 1")]
fn a_normalizers_lie_is_named(#[case] lie: &str, #[case] why: &str) {
    let mut transform = open(&json!({ "normalizer": true, "apply": lie }));
    let answer = apply(&mut transform, &[Some("ada"), Some("eve"), Some("bob")]);
    let Err(Fault::Lied(message)) = answer else {
        panic!("{lie}: {answer:?}")
    };
    assert!(message.contains(why), "{message}");
}

#[rstest]
#[case("source-order", &[2, 1, 0])]
#[case("source-twice", &[0, 0, 0])]
fn a_normalizer_may_split_and_reorder(#[case] how: &str, #[case] source_rows: &[u32]) {
    let mut transform = open(&json!({ "normalizer": true, "apply": how }));
    let output = apply(&mut transform, &[None; 3]).unwrap();
    assert_eq!(output.source_rows.as_deref(), Some(source_rows));
}

#[test]
fn lists_may_overlap() {
    let mut transform = misbehaving("overlap-columns");
    let output = apply(&mut transform, &[Some("ada"), Some("größer")]).unwrap();
    let texts: Vec<_> = output.columns[0].values.as_string::<i32>().iter().collect();
    assert_eq!(texts, [Some("ada"), Some("größer")]);
    let bytes = output.columns[4].values.as_binary::<i32>();
    assert_eq!(
        (bytes.value(0), bytes.value(1)),
        ("ada".as_bytes(), "größer".as_bytes())
    );
}

#[test]
fn a_message_that_is_not_utf8_is_refused() {
    let answer = apply(&mut misbehaving("message-not-utf8"), &[Some("reject")]);
    let Err(Fault::Lied(message)) = answer else {
        panic!("{answer:?}")
    };
    assert!(
        message.starts_with("transform `rule` breaks the interface in apply")
            && message.contains("utf-8"),
        "{message}"
    );
}

#[test]
fn what_is_absent_is_null_too_and_breaks_no_promise() {
    for mode in ["absent-nullable", "absent"] {
        let output = apply(&mut misbehaving(mode), &[Some("a"), Some("b")]).unwrap();
        let lacking = output
            .columns
            .iter()
            .find(|c| c.presence.is_some())
            .unwrap();
        let presence = lacking.presence.as_ref().unwrap();
        assert_eq!(
            (presence.value(0), presence.value(1)),
            (true, false),
            "{mode}"
        );
        assert!(
            lacking.values.is_valid(0) && lacking.values.is_null(1),
            "{mode}"
        );
    }
}

#[test]
fn a_long_rejection_is_cut_and_fit_for_postgres() {
    let output = apply(&mut misbehaving("reject-long"), &[Some("reject")]).unwrap();
    let message = &output.rejections[0].message;
    assert!(
        message.len() < 1_100 && message.ends_with("... (1048577 bytes)"),
        "{message}"
    );
    assert!(!message.contains('\0'));
}

#[rstest]
#[case("type", "it writes `text` with an unknown logical type `int7`")]
#[case("twice", "it writes `text` twice")]
#[case(
    "crowd",
    "it has 100000 reads, and 1600 are the most, which no setting changes"
)]
#[case("role", "its event-time `gone` is not among what it writes")]
#[case(
    "role-type",
    "its event-time `integer` is int64 and has to be timestamp(us)"
)]
fn a_plan_that_cannot_be_is_refused(#[case] open: &str, #[case] why: &str) {
    let config = json!({ "normalizer": true, "open": open });
    let answer = load(module()).unwrap().open(&config).map(|_| ());
    let Err(SandboxError::Fault(Fault::Lied(message))) = answer else {
        panic!("{answer:?}")
    };
    assert!(
        message.starts_with("transform `rule` ") && message.contains(why),
        "{message}"
    );
}

#[test]
fn a_config_is_checked_by_the_schema_and_by_the_component() {
    let component = load(module()).unwrap();
    let refusal = |config| component.open(&config).err().expect("refused").to_string();
    let message = refusal(json!({ "aply": "loop", "amount": -1 }));
    assert!(
        message.contains("unknown key `aply`: did you mean `apply`?")
            && message.contains("at /amount: -1"),
        "{message}"
    );
    assert_eq!(
        refusal(json!({ "open": "refuse" })),
        "transform `rule`: config: not with me"
    );
}
