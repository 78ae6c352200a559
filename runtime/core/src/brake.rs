//! The brake on dead letters: a format change must not empty a topic into them.
//!
//! The rule: a batch is refused when with it more than `ratio_max` of a partition's last 1,000
//! records would be dead letters. A partition that has had fewer records needs [`TREND_LETTERS`] of
//! them for that: one bad record of three is no trend, a hundred of two hundred are. Where
//! `ratio_max` is 0 the first is enough. "The last" is kept as two numbers that fade: each batch is
//! added, and above 1,000 records both are scaled down to 1,000. The checkpoint stores them with
//! each flush, so that a restart forgets nothing.

use std::collections::BTreeMap;

use crate::chain::Counts;
use crate::dead_letter::DeadLetter;
use crate::record::{Records, Value};

/// Records that the ratio is taken over: enough that a handful of bad ones is no trend.
pub const WINDOW_RECORDS: u64 = 1_000;
/// Dead letters that are a trend in a partition with fewer records than that. A set-up that reads
/// nothing shows so many at once, and nobody minds looking at so many.
pub const TREND_LETTERS: f64 = 20.0;
/// The first byte of a value that a schema registry's serializer made; the schema's id follows,
/// four bytes, big-endian.
const REGISTRY_MAGIC: u8 = 0;

/// A partition's last records, and how many of them became dead letters.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Recent {
    pub records: f64,
    pub dead_letters: f64,
}

/// More of the last records would become dead letters than the limit allows.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error(
    "{dead_letters} of the next {records} records would become dead letters, which makes \
     {percent:.1} % of the last {of}, and dead_letters.ratio_max = {ratio_max} allows {allowed:.1} \
     %{cause}: look at some of them with `gristmill dead-letters list`, mend the producer or the \
     rules (or raise the limit), and let the partition go on with `gristmill resume`",
    allowed = ratio_max * 100.0
)]
pub struct TooManyDeadLetters {
    /// Of the batch.
    pub dead_letters: u64,
    pub records: u64,
    /// With those before it.
    pub percent: f64,
    pub of: u64,
    pub ratio_max: f64,
    /// What most of them are; empty until [`TooManyDeadLetters::explained`].
    pub cause: String,
}

/// Dead letters among the last records of one partition, and how many of them are too many.
#[derive(Clone, Debug)]
pub struct DeadLetterBrake {
    ratio_max: f64,
    recent: Recent,
}

impl DeadLetterBrake {
    /// A brake for a partition that has had `recent`; `ratio_max` is a share of 1.
    pub fn new(ratio_max: f64, recent: Recent) -> Self {
        Self { ratio_max, recent }
    }

    /// Refuses a batch, not yet committed, that would take the ratio above its limit.
    pub fn check(&self, counts: &Counts) -> Result<(), TooManyDeadLetters> {
        let Recent {
            records,
            dead_letters,
        } = self.recent.and(counts);
        let is_trend = records >= WINDOW_RECORDS as f64
            || dead_letters >= TREND_LETTERS
            || (self.ratio_max == 0.0 && dead_letters > 0.0);
        if is_trend && dead_letters > self.ratio_max * records {
            return Err(TooManyDeadLetters {
                dead_letters: counts.dead_letters,
                records: counts.records,
                percent: 100.0 * dead_letters / records,
                of: records as u64,
                ratio_max: self.ratio_max,
                cause: String::new(),
            });
        }
        Ok(())
    }

    /// Counts a batch that was committed.
    pub fn committed(&mut self, counts: &Counts) {
        let mut recent = self.recent.and(counts);
        let scale = (WINDOW_RECORDS as f64 / recent.records).min(1.0);
        recent.records *= scale;
        recent.dead_letters *= scale;
        if recent.records > 0.0 {
            self.recent = recent;
        }
    }
}

impl Recent {
    fn and(self, counts: &Counts) -> Self {
        Self {
            records: self.records + counts.records as f64,
            dead_letters: self.dead_letters + counts.dead_letters as f64,
        }
    }
}

impl TooManyDeadLetters {
    /// Names the commonest code of the batch, with the first letter that has it, and what its value
    /// looks like where that tells the cause.
    pub fn explained(mut self, records: &Records, letters: &[DeadLetter]) -> Self {
        let mut by_code: BTreeMap<&str, (u64, &DeadLetter)> = BTreeMap::new();
        for letter in letters {
            by_code.entry(&letter.code).or_insert((0, letter)).0 += 1;
        }
        let Some((count, first)) = by_code.into_values().max_by_key(|(count, _)| *count) else {
            return self;
        };
        let record = records.get(first.record as usize);
        let (offset, DeadLetter { code, message, .. }) = (record.offset, first);
        self.cause = format!(". {count} are `{code}`, first at offset {offset}: {message}");
        let value = record.value.filter(|value| value.head().is_none());
        if let Some([REGISTRY_MAGIC, id @ ..]) = value.map(Value::rest)
            && let Some(id) = id.first_chunk()
        {
            let id = u32::from_be_bytes(*id);
            self.cause.push_str(&format!(
                ". Its value begins as those of a schema registry do, with byte 0 and the id {id} \
                 of a schema"
            ));
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dead_letter::Stage;

    fn counts(records: u64, dead_letters: u64) -> Counts {
        Counts {
            records,
            dead_letters,
            ..Counts::default()
        }
    }

    fn fresh(ratio_max: f64) -> DeadLetterBrake {
        DeadLetterBrake::new(ratio_max, Recent::default())
    }

    #[test]
    fn a_few_bad_records_are_no_trend_and_old_good_ones_do_not_hide_a_change() {
        let mut brake = fresh(0.05);
        assert!(brake.check(&counts(3, 1)).is_ok());
        assert!(brake.check(&counts(19, 19)).is_ok());
        assert!(brake.check(&counts(200, 100)).is_err());
        assert!(brake.check(&counts(1_000, 50)).is_ok());
        assert!(brake.check(&counts(1_000, 51)).is_err());
        for _ in 0..100 {
            brake.committed(&counts(1_000, 0));
        }
        assert!(brake.check(&counts(200, 100)).is_err());
        assert!(fresh(1.0).check(&counts(5_000, 5_000)).is_ok());
        assert!(fresh(0.0).check(&counts(3, 1)).is_err());
    }

    #[test]
    fn a_start_goes_on_with_what_the_checkpoint_knows() {
        // 5 % go by, batch after batch, and one more does not.
        let mut brake = fresh(0.05);
        for _ in 0..50 {
            let batch = counts(20, 1);
            assert!(brake.check(&batch).is_ok());
            brake.committed(&batch);
        }
        assert_eq!(
            brake.recent,
            Recent {
                records: 1_000.0,
                dead_letters: 50.0
            }
        );
        let restarted = DeadLetterBrake::new(0.05, brake.recent);
        assert!(restarted.check(&counts(20, 3)).is_err());
    }

    #[test]
    fn the_cause_is_named_and_the_numbers_agree() {
        let mut records = Records::default();
        for offset in 0..40 {
            let value: &[u8] = b"\0\0\0\x01\x7b{}";
            records.push(offset, None, None, Some(value), std::iter::empty());
        }
        let letter = |record, code: &str| DeadLetter {
            record,
            ordinal: 0,
            stage: Stage::Decode,
            code: code.to_owned(),
            message: "it is not valid JSON".to_owned(),
        };
        let mut letters: Vec<_> = (3..33).map(|record| letter(record, "malformed")).collect();
        letters.insert(0, letter(0, "key-missing"));
        let error = fresh(0.05).check(&counts(40, 31)).unwrap_err();
        let text = error.explained(&records, &letters).to_string();
        assert!(text.starts_with("31 of the next 40 records"), "{text}");
        for part in [
            "77.5 % of the last 40",
            "30 are `malformed`, first at offset 3",
            "id 379",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
}
