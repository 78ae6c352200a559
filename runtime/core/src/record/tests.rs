//! Records in and out.

use super::*;

#[test]
fn keys_values_and_headers_come_back_as_they_went_in() {
    let mut records = Records::default();
    records.push(3, Some(7), None, Some(b"v"), std::iter::empty());
    let headers = [("a", None), ("b", Some(&b""[..])), ("a", Some(&b"x"[..]))];
    records.push(9, None, Some(b"k"), None, headers.into_iter());
    let (first, last) = (records.get(0), records.get(1));
    assert_eq!(
        (first.offset, first.key, first.value),
        (3, None, Some(Value::from(&b"v"[..])))
    );
    assert_eq!(first.headers().count(), 0);
    assert_eq!(
        (last.offset, last.key, last.value),
        (9, Some(&b"k"[..]), None)
    );
    assert_eq!(last.headers().collect::<Vec<_>>(), headers);
}

#[test]
fn of_a_record_that_is_too_large_size_hash_and_beginning_stay() {
    let value = vec![b'v'; 9_999];
    let (key, none) = (Some(&b"key"[..]), None);
    let mut source = Records::default();
    source.push(1, none, key, Some(b"small"), std::iter::empty());
    source.push_cut(2, none, key, Some(&value), 10_002);
    let mut records = Records::default();
    records.append(&source, 0..1);
    records.append(&source, 0..2);
    let whole = record_hash(key, Some(&value));
    assert_eq!(records.get(1).cut, None);
    let large = records.get(2);
    let (bytes, hash) = (10_002, whole);
    assert_eq!(large.cut, Some(Cut { bytes, hash }));
    assert_eq!((large.key, large.hash()), (key, whole));
    assert_eq!(large.value, Some(Value::from(&value[..CUT_BYTES])));
    assert!(records.bytes() < 2_000);
}

/// Stored hashes must mean the same in every version. Computed by Python's hashlib.
#[test]
fn the_hash_of_a_record_never_changes() {
    assert_eq!(record_hash(None, None), 6541097565471264777);
    assert_eq!(record_hash(Some(b""), None), 8681103821628823450);
    assert_eq!(record_hash(Some(b"ke"), Some(b"y")), 4594199130734786254);
    assert_eq!(record_hash(Some(b"key"), Some(b"")), -1261742303653236741);
}

#[test]
fn appended_records_are_the_same_records() {
    let mut source = Records::default();
    for offset in 0..5 {
        let value = vec![b'v'; offset as usize];
        let header = [("h", Some(&b"x"[..]))];
        source.push(offset, None, Some(b"key"), Some(&value), header.into_iter());
    }
    source.push_cut(5, None, Some(b"key"), Some(&[b'v'; 9_999]), 10_002);
    let mut copied = Records::default();
    copied.append(&source, 1..3);
    copied.append(&source, 3..3);
    copied.append(&source, 3..6);
    let mut moved = copied.select(0..2);
    moved.append_whole(copied.select(2..4));
    moved.append_whole(Records::default());
    moved.append_whole(copied.select(4..5));
    let mut of_moved = Records::with_room(9, 9);
    of_moved.append(&moved, 0..1);
    of_moved.append(&moved, 1..5);
    for records in [copied, moved, of_moved] {
        assert_eq!(records.len(), 5);
        for (i, record) in records.iter().enumerate() {
            let original = source.get(i + 1);
            assert_eq!(
                (record.offset, record.key, record.value, record.cut),
                (original.offset, original.key, original.value, original.cut)
            );
            assert!(record.headers().eq(original.headers()));
        }
        assert_eq!(records.get(4).cut, source.get(5).cut);
        assert!(records.get(4).cut.is_some());
    }
}

#[test]
fn a_head_that_values_share_is_held_once() {
    let head: Arc<[u8]> = b"a head of some bytes"[..].into();
    let other: Arc<[u8]> = b"another"[..].into();
    let values = [
        Value::behind(&head, b"one"),
        Value::from(&b"alone"[..]),
        Value::behind(&other, b""),
        Value::behind(&head, b"two"),
    ];
    let mut source = Records::default();
    for (offset, value) in values.into_iter().enumerate() {
        let (key, header) = (Some(&b"k"[..]), ("h", Some(&b"x"[..])));
        source.push_sharing(offset as i64, None, key, Some(value), [header].into_iter());
    }
    source.push_cut(4, None, None, Some(&[b'v'; 9_999]), 9_999);
    let whole = source.whole();
    let shared = 2 * head.len() + other.len();
    assert_eq!(source.bytes() + shared, whole.bytes());
    let mut copied = source.select([1, 3]);
    assert_eq!(copied.whole_bytes() - copied.bytes(), head.len());
    copied = Records::default();
    copied.append(&source, 0..2);
    copied.append_whole(source.select(2..5));
    for records in [&source, &whole, &copied] {
        assert_eq!(records.whole_bytes(), whole.bytes());
        for (i, record) in records.iter().enumerate() {
            let original = source.get(i);
            assert_eq!((record.value, record.cut), (original.value, original.cut));
            assert_eq!(record.hash(), whole.get(i).hash());
            assert!(record.headers().eq(original.headers()));
        }
    }
    assert!(copied.share() && !whole.share());
}
