//! What one rule makes otherwise than another, or than what a table holds: counted, with a handful
//! of examples.

mod between;
pub mod recorded;

use std::collections::BTreeMap;

use gristmill_postgres::table::row_lookup::ColumnChange;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Examples that are kept of each column, and of rows that come or go: enough to see a pattern.
const EXAMPLES_EACH: usize = 3;
/// Examples of all columns together: what fits on a screen below the counts.
const EXAMPLES_MAX: usize = 12;

/// What another rule would change. *Before* is what the active rule makes, or what the table holds;
/// *after* is what the other rule makes of the same records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Difference {
    /// Rows that both sides have, and that were compared column by column.
    pub compared: u64,
    /// Compared rows with a column that differs.
    pub differ: u64,
    /// Rows that only the other rule makes.
    pub come: u64,
    /// Rows that the other rule does not make.
    pub go: u64,
    /// Rows that nothing can be said about: the table holds what a record outside of the compared
    /// ones made.
    pub replaced: u64,
    /// How many rows differ in each column, by its name.
    pub columns: BTreeMap<String, u64>,
    /// Dead letters of either side, by their code.
    pub dead_letters: BTreeMap<String, LetterChange>,
    /// A few changes of each column.
    pub examples: Vec<Example>,
}

/// How many dead letters of a code there would be more and fewer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct LetterChange {
    pub come: u64,
    pub go: u64,
    /// `offset 17: ` and what is wrong with the record, of the first that comes.
    pub example: Option<String>,
}

/// One difference of one row.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Example {
    /// The key's columns by name.
    pub key: Map<String, Value>,
    pub change: RowChange,
}

/// What differs. Values are as JSON has them: times as RFC 3339, absent as null.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowChange {
    /// The row is only in after.
    Comes,
    /// The row is only in before.
    Goes,
    Column {
        name: String,
        before: Value,
        after: Value,
    },
}

impl Difference {
    /// Whether after is as before. Rows that nothing can be said about do not count.
    pub fn is_empty(&self) -> bool {
        self.differ + self.come + self.go == 0 && self.dead_letters.is_empty()
    }

    /// Counts a row of both sides with the columns that differ, if any.
    pub fn compare(&mut self, key: &Map<String, Value>, changes: Vec<ColumnChange>) {
        self.compared += 1;
        self.differ += u64::from(!changes.is_empty());
        for (name, before, after) in changes {
            *self.columns.entry(name.clone()).or_default() += 1;
            let change = RowChange::Column {
                name,
                before,
                after,
            };
            self.show(key, change);
        }
    }

    /// Counts a row that only after has.
    pub fn comes(&mut self, key: &Map<String, Value>) {
        self.come += 1;
        self.show(key, RowChange::Comes);
    }

    /// Counts a row that only before has.
    pub fn goes(&mut self, key: &Map<String, Value>) {
        self.go += 1;
        self.show(key, RowChange::Goes);
    }

    /// Counts a dead letter that only after has, of the record at `offset`.
    pub fn letter_comes(&mut self, code: &str, offset: i64, message: &str) {
        let letters = self.dead_letters.entry(code.to_owned()).or_default();
        letters.come += 1;
        let example = || format!("offset {offset}: {message}");
        letters.example.get_or_insert_with(example);
    }

    /// Counts a dead letter that only before has.
    pub fn letter_goes(&mut self, code: &str) {
        self.dead_letters.entry(code.to_owned()).or_default().go += 1;
    }

    /// Adds what was found of other records.
    pub fn merge(&mut self, other: Self) {
        self.compared += other.compared;
        self.differ += other.differ;
        self.come += other.come;
        self.go += other.go;
        self.replaced += other.replaced;
        for (name, rows) in other.columns {
            *self.columns.entry(name).or_default() += rows;
        }
        for (code, theirs) in other.dead_letters {
            let letters = self.dead_letters.entry(code).or_default();
            letters.come += theirs.come;
            letters.go += theirs.go;
            letters.example = letters.example.take().or(theirs.example);
        }
        for Example { key, change } in other.examples {
            self.show(&key, change);
        }
    }

    fn show(&mut self, key: &Map<String, Value>, change: RowChange) {
        let alike = self.examples.iter().filter(|e| e.change.is_like(&change));
        if self.examples.len() < EXAMPLES_MAX && alike.count() < EXAMPLES_EACH {
            let key = key.clone();
            self.examples.push(Example { key, change });
        }
    }
}

impl RowChange {
    /// Whether one example of the two says what the other says.
    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Column { name, .. }, Self::Column { name: theirs, .. }) => name == theirs,
            _ => self == other,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key(id: i64) -> Map<String, Value> {
        Map::from_iter([("id".to_owned(), id.into())])
    }

    fn column(name: &str, after: i64) -> ColumnChange {
        (name.to_owned(), Value::Null, after.into())
    }

    #[test]
    fn parts_add_up_to_the_whole_and_examples_of_one_column_do_not_crowd_out_another() {
        let (mut whole, mut bundle) = (Difference::default(), Difference::default());
        for id in 0..20 {
            let mut part = Difference::default();
            for difference in [&mut whole, &mut part] {
                let mut changes = vec![column("age", id)];
                changes.extend((id > 17).then(|| column("rare", id)));
                difference.compare(&key(id), changes);
                difference.compare(&key(100 + id), Vec::new());
                difference.goes(&key(200 + id));
                difference.letter_comes("unborn", id, "`birth_year` is after 2026");
                difference.letter_goes("bad");
                difference.replaced += 1;
            }
            bundle.merge(part);
        }
        assert_eq!(whole, bundle);
        assert_eq!((whole.compared, whole.differ, whole.go), (40, 20, 20));
        assert_eq!((whole.columns["age"], whole.columns["rare"]), (20, 2));
        let rare =
            |e: &&Example| matches!(&e.change, RowChange::Column { name, .. } if name == "rare");
        assert_eq!(whole.examples.iter().filter(rare).count(), 2);
        assert_eq!(whole.examples.len(), 8);
        let letters = &whole.dead_letters["unborn"];
        let example = letters.example.as_deref();
        assert_eq!((letters.come, letters.go), (20, 0));
        assert_eq!(example, Some("offset 0: `birth_year` is after 2026"));
    }

    #[test]
    fn it_survives_json() {
        let mut difference = Difference::default();
        assert!(difference.is_empty());
        difference.compare(&key(1), vec![column("age", 7)]);
        difference.comes(&key(2));
        difference.letter_comes("unborn", 3, "so young");
        assert!(!difference.is_empty());
        let json = json!(difference);
        let column = json!({"name": "age", "before": null, "after": 7});
        let expected = json!({"key": {"id": 1}, "change": {"column": column}});
        assert_eq!(json["examples"][0], expected);
        assert_eq!(json["examples"][1]["change"], "comes");
        let back: Difference = serde_json::from_value(json).unwrap();
        assert_eq!(back, difference);
    }
}
