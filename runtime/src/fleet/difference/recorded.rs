//! What a chain makes of recorded traffic, and how that differs from what a table holds.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use gristmill_core::chain::{Chain, ChainFault, Computed};
use gristmill_core::column::Batch;
use gristmill_core::record::Records;

use super::Difference;
use super::between::{key_of, key_text};
use gristmill_postgres::table::row_lookup::{FoundRow, StoredRow};

/// A chain on a range of records of one partition: it keeps the newest row of each key.
pub struct Recorded {
    chain: Chain,
    batches: Vec<MadeRows>,
    /// The newest row of each key: its batch, and its place there.
    newest: HashMap<String, (usize, u32)>,
}

/// Rows with the offsets of the records that they came from.
pub struct MadeRows {
    pub rows: Batch,
    pub offsets: Vec<i64>,
}

impl Recorded {
    /// `chain` has computed nothing yet, and must forget no key on the way.
    pub fn new(chain: Chain) -> Self {
        Self {
            chain,
            batches: Vec::new(),
            newest: HashMap::new(),
        }
    }

    /// The chain, to be told what it must know.
    pub fn chain(&mut self) -> &mut Chain {
        &mut self.chain
    }

    /// Computes the next records as if all before had been committed.
    pub fn compute(&mut self, records: Records, now_us: i64) -> Result<Computed, ChainFault> {
        let computed = self.chain.compute(records, now_us);
        let computed = computed.map_err(|uncomputed| *uncomputed.fault)?;
        self.chain.committed(&computed);
        let key = &self.chain.roles().key;
        for row in 0..computed.rows.rows as u32 {
            let place = (self.batches.len(), row);
            let key = key_text(&computed.rows, key, row);
            self.newest.insert(key, place);
        }
        let offset = |record| computed.records.get(record as usize).offset;
        self.batches.push(MadeRows {
            rows: computed.rows.clone(),
            offsets: computed.sources.iter().map(|s| offset(s.record)).collect(),
        });
        Ok(computed)
    }

    /// The newest row of each key, in the batches they were made in.
    pub fn newest(self) -> Vec<MadeRows> {
        let mut kept: Vec<Vec<u32>> = vec![Vec::new(); self.batches.len()];
        for (batch, row) in self.newest.into_values() {
            kept[batch].push(row);
        }
        let batches = self.batches.into_iter().zip(kept);
        let newest = batches.map(|(MadeRows { rows, offsets }, mut kept)| {
            kept.sort_unstable();
            MadeRows {
                rows: rows.take(&kept),
                offsets: kept.iter().map(|&row| offsets[row as usize]).collect(),
            }
        });
        newest.collect()
    }
}

/// The newest rows that one side makes, with what the table holds of each.
pub struct Side {
    pub made: Vec<MadeRows>,
    /// Parallel to the rows of each.
    pub standings: Vec<Vec<FoundRow>>,
}

/// The records that were computed.
pub struct Traffic<'a> {
    pub partition: i32,
    pub offsets: Range<i64>,
    /// The key's columns.
    pub key: &'a [String],
}

impl Difference {
    /// Compares what the table holds with what the other rule makes of the traffic (`after`).
    /// `before` is what the active rule makes of it: it tells rows that the table holds of this
    /// traffic from those of later records, and which rows would be gone.
    pub fn add_table(&mut self, traffic: &Traffic<'_>, before: &Side, after: &Side) {
        let text = |row: &SideRow<'_>| key_text(&row.made.rows, traffic.key, row.row);
        let mut active: BTreeMap<String, SideRow<'_>> =
            before.rows().map(|row| (text(&row), row)).collect();
        for row in after.rows() {
            let was = active.remove(&text(&row));
            let key = key_of(&row.made.rows, traffic.key, row.row);
            match row.standing {
                FoundRow::Missing => self.comes(&key),
                FoundRow::Refused(why) => {
                    let why = format!("postgres would refuse the row: {why}");
                    self.letter_comes("refused", row.made.offsets[row.row as usize], &why);
                }
                FoundRow::Stored(held) => {
                    let was = was.and_then(|was| was.held());
                    match traffic.made(held, was) || held.version.is_lt() {
                        true => self.compare(&key, held.changes.clone()),
                        false => self.replaced += 1,
                    }
                }
            }
        }
        for row in active.into_values() {
            if row.held().is_some_and(|held| traffic.made(held, None)) {
                self.goes(&key_of(&row.made.rows, traffic.key, row.row));
            }
        }
    }
}

/// One row of a side.
struct SideRow<'a> {
    made: &'a MadeRows,
    row: u32,
    standing: &'a FoundRow,
}

impl<'a> SideRow<'a> {
    fn held(&self) -> Option<&'a StoredRow> {
        match self.standing {
            FoundRow::Stored(held) => Some(held),
            _ => None,
        }
    }
}

impl Side {
    fn rows(&self) -> impl Iterator<Item = SideRow<'_>> {
        let batches = self.made.iter().zip(&self.standings);
        batches.flat_map(|(made, standings)| {
            standings
                .iter()
                .zip(0..)
                .map(move |(standing, row)| SideRow {
                    made,
                    row,
                    standing,
                })
        })
    }
}

impl Traffic<'_> {
    /// Whether the table's row comes from this traffic: by its record, or, where the table does not
    /// say, by its version, which is that of the row asked for or of the active rule's.
    fn made(&self, held: &StoredRow, active: Option<&StoredRow>) -> bool {
        match held.record {
            Some((partition, offset)) => {
                partition == self.partition && self.offsets.contains(&offset)
            }
            None => held.version.is_eq() || active.is_some_and(|a| a.version.is_eq()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering::{Equal, Greater, Less};

    use gristmill_core::column::{Field, LogicalType};
    use serde_json::{Value, json};

    use super::*;
    use gristmill_core::rows;

    fn side(rows: Vec<(i64, FoundRow)>) -> Side {
        let field = Field {
            name: "id".to_owned(),
            logical_type: LogicalType::Int64,
            nullable: true,
        };
        let ids: Vec<Value> = rows.iter().map(|(id, _)| json!({ "id": id })).collect();
        let made = MadeRows {
            rows: rows::batch(&[field], &ids).unwrap(),
            offsets: rows.iter().map(|(id, _)| 100 + id).collect(),
        };
        Side {
            made: vec![made],
            standings: vec![rows.into_iter().map(|(_, standing)| standing).collect()],
        }
    }

    fn held(record: Option<(i32, i64)>, version: std::cmp::Ordering) -> FoundRow {
        let changes = vec![("name".to_owned(), Value::Null, json!("Ann"))];
        FoundRow::Stored(StoredRow {
            record,
            version,
            changes,
        })
    }

    fn found(before: Vec<(i64, FoundRow)>, after: Vec<(i64, FoundRow)>) -> Difference {
        let traffic = Traffic {
            partition: 0,
            offsets: 100..110,
            key: &["id".to_owned()],
        };
        let mut difference = Difference::default();
        difference.add_table(&traffic, &side(before), &side(after));
        difference
    }

    #[test]
    fn what_a_later_record_made_is_not_compared() {
        let found = found(
            vec![],
            vec![
                // Of this traffic, though of another record than the other rule's row.
                (1, held(Some((0, 105)), Greater)),
                // Behind it, and of another partition.
                (2, held(Some((0, 110)), Greater)),
                (3, held(Some((1, 105)), Equal)),
                // From before it: the active rule should have replaced it, too.
                (4, held(Some((0, 99)), Less)),
                (5, FoundRow::Missing),
                (6, FoundRow::Refused("too long".to_owned())),
            ],
        );
        let counts = (found.compared, found.replaced, found.come, found.go);
        assert_eq!(counts, (2, 2, 1, 0));
        let refused = found.dead_letters["refused"].example.as_deref();
        let said = "offset 106: postgres would refuse the row: too long";
        assert_eq!(refused, Some(said));
    }

    #[test]
    fn where_the_table_does_not_name_records_versions_tell() {
        let found = found(
            vec![
                (1, held(None, Equal)),
                (2, held(None, Equal)),
                (3, held(None, Greater)),
                (4, held(None, Equal)),
                (5, held(None, Greater)),
            ],
            vec![
                (1, held(None, Equal)),
                // The other rule refuses the newest event, whose row the table holds, and falls
                // back to one before.
                (2, held(None, Greater)),
                (3, held(None, Greater)),
            ],
        );
        let counts = (found.compared, found.replaced, found.come, found.go);
        assert_eq!(counts, (2, 1, 0, 1));
    }
}
