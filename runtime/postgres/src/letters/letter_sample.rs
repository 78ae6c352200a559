//! Some of the dead letters that a batch would have made, had it not been refused for them.

use gristmill_core::dead_letter::DeadLetter;
use gristmill_core::record::Records;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::commit::lease::Lease;
use crate::commit::letter_arrays::{Digests, LetterArrays};
use crate::wire::database_error::DatabaseError;
use crate::wire::placeholder::{self, Named};

/// What is kept: enough to see what is wrong, few enough to be no burden.
const LETTERS_MAX: usize = 20;
const BYTES_MAX: usize = 1 << 20;

/// Stores the first of `letters`, about `records`, for as long as the partition is halted: taking
/// it again removes them, and whatever becomes of the records then counts. Returns how many.
pub async fn store(
    client: &Client,
    lease: &Lease,
    records: &Records,
    letters: &[DeadLetter],
    revision: i32,
    digests: Digests<'_>,
) -> Result<u64, DatabaseError> {
    let sample = LetterArrays::of(records, first(records, letters), digests);
    let key = &lease.key;
    let parameters: [Named<'_>; 16] = [
        ("pipeline", Type::TEXT, &key.pipeline),
        ("run", Type::INT8, &key.run),
        ("topic", Type::TEXT, &key.topic),
        ("partition", Type::INT4, &key.partition),
        ("owner_epoch", Type::INT8, &lease.owner_epoch),
        ("revision", Type::INT4, &revision),
        ("offsets", Type::INT8_ARRAY, &sample.offsets),
        ("ordinals", Type::INT4_ARRAY, &sample.ordinals),
        ("stages", Type::TEXT_ARRAY, &sample.stages),
        ("codes", Type::TEXT_ARRAY, &sample.codes),
        ("messages", Type::TEXT_ARRAY, &sample.messages),
        ("digests", Type::TEXT_ARRAY, &sample.digests),
        ("keys", Type::BYTEA_ARRAY, &sample.keys),
        ("headers", Type::TEXT_ARRAY, &sample.headers),
        ("values", Type::BYTEA_ARRAY, &sample.values),
        ("times", Type::TIMESTAMPTZ_ARRAY, &sample.record_at),
    ];
    placeholder::execute(client, include_str!("letter_sample.sql"), &parameters)
        .await
        .map_err(DatabaseError::query("store a sample of the dead letters"))
}

/// As many as are kept.
fn first<'a>(records: &Records, letters: &'a [DeadLetter]) -> &'a [DeadLetter] {
    let mut bytes = 0;
    let fits = |letter: &&DeadLetter| {
        let record = records.get(letter.record as usize);
        bytes += record.value.map_or(0, |value| value.len());
        bytes <= BYTES_MAX
    };
    let count = letters.iter().take(LETTERS_MAX).take_while(fits).count();
    // One is always shown, however large.
    &letters[..count.max(1).min(letters.len())]
}
