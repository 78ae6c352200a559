//! What nobody knows of rows once records are dead letters of which the key alone is known.

use gristmill_core::chain::{Chain, Computed, Delete, Truncate};
use gristmill_core::dedup::VersionKind;
use gristmill_core::record::Records;

use super::change::{Mode, chain};
use super::lost::lost;
use crate::rules::NOW_US;

const ALL: &str = "a b c loud pair last tune";

fn a_chain() -> Chain {
    let mode = Mode {
        kind: VersionKind::OrderFirst,
        delete: Delete::Soft,
    };
    chain(mode, Truncate::Apply, 1 << 20)
}

/// Keys and values, at the offsets from 0 on. A value that is too large is cut as the source does.
fn records(of: &[(Option<&str>, &str)]) -> Records {
    let mut records = Records::default();
    for (offset, (key, value)) in of.iter().enumerate() {
        let (key, value) = (key.map(str::as_bytes), Some(value.as_bytes()));
        let bytes = value.map_or(0, <[u8]>::len);
        match bytes > 4_096 {
            true => records.push_cut(offset as i64, None, key, value, bytes),
            false => records.push(offset as i64, None, key, value, std::iter::empty()),
        }
    }
    records
}

fn compute(of: &[(Option<&str>, &str)]) -> Computed {
    a_chain().compute(records(of), NOW_US).unwrap()
}

fn unread(of: &[(Option<&str>, &str)]) -> Vec<String> {
    let computed = compute(of);
    computed.unread.as_deref().map_or_else(Vec::new, lost)
}

fn row(key: i64, seq: i64, rest: &str) -> String {
    format!(r#"{{"key":{key},"at":{seq},"seq":{seq},{rest}}}"#)
}

fn large(from: &str) -> String {
    format!(r#"{{{from}"a":"{}"}}"#, "x".repeat(5_000))
}

#[test]
fn a_record_whose_key_can_be_read_may_have_changed_all() {
    let wrapped = r#"{"schema":{"type":"struct","fields":[]},"payload":{"key":1}}"#;
    let all = format!("1@0 {ALL}");
    for (key, value) in [
        (None, r#"{"key":1,"at":1,"seq":1,"a":{}}"#),
        (None, r#"{"at":"x","key":1,"seq":[],"a":"x"}"#),
        (None, r#"{"key":1,"at":1,"seq":1,"a":"\u0000"}"#),
        (Some("1"), r#"{"at":1"#),
        (Some(r#"{"key":1}"#), "a"),
        (Some(wrapped), "a"),
        (None, r#"{"key":1,"at":1,"seq":1,"a":tru}"#),
        (None, r#"{"key":1,"at":null,"seq":1,"a":"x"}"#),
    ] {
        assert_eq!(unread(&[(key, value)]), [all.as_str()], "{value}");
    }
}

#[test]
fn of_a_record_without_a_key_nothing_is_known() {
    for (key, value) in [
        (None, r#"{"at":1,"seq":1,"a":{}}"#),
        (None, r#"{"key":"x","at":1,"seq":1,"a":{}}"#),
        (None, r#"{"key":null,"at":1,"seq":1,"a":{}}"#),
        (Some("x"), "a"),
        (None, r#"{"key":1,"at":null,"seq":1,"gone":true}"#),
    ] {
        assert_eq!(unread(&[(key, value)]), [""; 0], "{value}");
    }
}

#[test]
fn of_a_record_that_is_too_large_the_key_is_kept() {
    let all = |key: i64| format!("{key}@0 {ALL}");
    let key = large(r#""key":17,"#);
    assert_eq!(unread(&[(None, &key)]), [all(17)]);
    // The record's key counts where the value does not say it.
    assert_eq!(unread(&[(Some("2"), &key)]), [all(17)]);
    assert_eq!(unread(&[(Some("2"), &large(""))]), [all(2)]);
    assert_eq!(unread(&[(None, &large(""))]), [""; 0]);
    // A number that is cut off is another one.
    let number = format!(r#"{{"a":"{}","key":12"#, "x".repeat(1_024 - 16));
    assert_eq!(number.len(), 1_024);
    assert_eq!(
        unread(&[(None, &format!("{number}{}", large("")))]),
        [""; 0]
    );
    // And so is a key.
    let long = format!("1{}", "2".repeat(20_000));
    assert_eq!(unread(&[(Some(&long), &large(""))]), [""; 0]);
}

#[test]
fn what_later_records_of_the_batch_say_is_known() {
    let bad = r#"{"key":1,"at":5,"a":{}}"#;
    let of = |others: &[&str]| {
        let rows: Vec<_> = others.iter().map(|value| (None, *value)).collect();
        unread(&rows)
    };
    let abc = row(1, 7, r#""a":"x","b":"x","c":"x""#);
    assert_eq!(of(&[bad, &abc]), [""; 0]);
    let ab = row(1, 7, r#""a":"x","b":"x""#);
    assert_eq!(of(&[bad, &ab]), ["1@1 c pair tune"]);
    assert_eq!(of(&[&ab, bad]), [format!("1@1 {ALL}")]);
    assert_eq!(of(&[bad, &ab, bad]), [format!("1@2 {ALL}")]);
    // What stands in the table of an older version is what was written before.
    let newer = row(1, 9, r#""a":"x""#);
    assert_eq!(of(&[&newer, bad, &abc]), ["1@2 a loud last tune"]);
    // The last of several letters of a key, each key by itself.
    let other = r#"{"key":0,"a":{}}"#;
    let two = [format!("0@2 {ALL}"), format!("1@1 {ALL}")];
    assert_eq!(of(&[bad, bad, other]), two);
}

#[test]
fn a_life_that_was_over_later_leaves_nothing_unknown() {
    let bad = (None, r#"{"key":1,"a":{}}"#);
    let delete = row(1, 7, r#""gone":true"#);
    let (delete, anew) = ((None, delete.as_str()), row(1, 8, r#""a":"x""#));
    let anew = (None, anew.as_str());
    assert_eq!(unread(&[bad, delete]), [""; 0]);
    assert_eq!(unread(&[bad, delete, anew]), [""; 0]);
    assert_eq!(unread(&[delete, bad, anew]), ["1@2 b c pair tune"]);
    let emptied = (None, r#"{"at":9,"seq":9,"emptied":true}"#);
    assert_eq!(unread(&[bad, emptied]), [""; 0]);
    assert_eq!(unread(&[emptied, bad]), [format!("1@1 {ALL}")]);
}
