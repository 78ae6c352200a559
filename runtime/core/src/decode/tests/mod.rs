//! Decoding as a whole.

mod absent;
mod acceptance;
mod avro;
pub(super) mod documents;
mod examples;
mod forms;
mod framed_json;
mod heads;
mod numbers;
mod oracle;
mod schemas;
mod sources;
mod wrapped;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;

use super::*;
use crate::column::LogicalType as T;

fn field(name: &str, logical_type: T) -> Field {
    Field {
        name: name.to_owned(),
        logical_type,
        nullable: true,
    }
}

fn records(values: &[impl AsRef<[u8]>]) -> Records {
    let mut records = Records::default();
    for (i, value) in values.iter().enumerate() {
        records.push(
            i as i64,
            None,
            None,
            Some(value.as_ref()),
            std::iter::empty(),
        );
    }
    records
}

fn decoder(reads: &[Field]) -> Decoder {
    Decoder::new(reads, "users_cdc", 3, Tombstone::Ignore, usize::MAX).unwrap()
}

/// The code and message of the dead letter that `value` becomes.
fn refusal(reads: &[Field], value: &str) -> (String, String) {
    let mut decoded = decode_values(reads, &[value]).unwrap();
    assert_eq!(decoded.batch.rows, 0, "{value}");
    let letter = decoded.dead_letters.pop().unwrap();
    assert_eq!(
        (letter.record, letter.ordinal, letter.stage),
        (0, 0, Stage::Decode)
    );
    (letter.code, letter.message)
}

/// The text column `read` of the one row that `value` becomes: absent, null, or something.
fn text_of(read: Field, value: &str) -> Option<Option<String>> {
    let decoded = decoder(&[read]).decode(&records(&[value]));
    assert_eq!(decoded.dead_letters, [], "{value}");
    let column = &decoded.batch.columns[0];
    let present = column.presence.as_ref().is_none_or(|p| p.value(0));
    let text = column.values.as_string::<i32>().iter().next().unwrap();
    present.then(|| text.map(str::to_owned))
}
