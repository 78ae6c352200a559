//! What fastavro makes of random schemas, values and changed bytes.

use super::*;

const LINES: &str = include_str!("../../../../../../data/avro_by_fastavro.ndjson");

/// How often both may judge bytes differently: fastavro takes booleans other than 0 and 1, ints of
/// more than 32 bits, and indices from the end of a union or enum.
const JUDGED_OTHERWISE_MAX: usize = 60;

#[test]
fn both_read_the_same() {
    let mut of = None;
    let (mut same, mut otherwise) = (0, 0);
    for line in LINES.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        if let Some(text) = line.get("schema") {
            of = Some(schema(&text.to_string()).unwrap());
            continue;
        }
        let value = bytes(&serde_json::json!({ "b64": line["bytes"] })).unwrap();
        let ours = of.as_ref().unwrap().to_json(&value).ok();
        let ours = ours.map(|json| serde_json::from_str::<Value>(&json).unwrap());
        match (&ours, line.get("json")) {
            (Some(ours), Some(theirs)) => {
                assert!(is_same(ours, theirs), "{line}: {ours}");
                same += 1;
            }
            (None, None) => same += 1,
            (Some(ours), None) => panic!("{line}: {ours}"),
            (None, Some(_)) => otherwise += 1,
        }
    }
    assert!(
        same > 1_000 && otherwise <= JUDGED_OTHERWISE_MAX,
        "{same} {otherwise}"
    );
}
