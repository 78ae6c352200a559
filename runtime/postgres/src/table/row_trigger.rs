//! Triggers that may change a row before it is stored.

use tokio_postgres::Row;

/// A trigger that runs before each row that is inserted or updated.
#[derive(Clone, Debug)]
pub(crate) struct RowTrigger {
    pub(crate) name: String,
    /// The table that it is on: the target, or a partition of it.
    pub(crate) table: String,
    /// The function's source with the trigger's arguments.
    text: String,
    /// Whether it may change columns that the text does not name.
    any_column: bool,
}

impl RowTrigger {
    pub(crate) fn new(row: &Row) -> Self {
        Self {
            name: row.get(0),
            table: row.get(1),
            text: row.get(2),
            any_column: row.get(3),
        }
    }

    /// Which of `columns` it may set, as far as its text tells.
    pub(crate) fn may_set<'c>(&self, columns: &[&'c str]) -> Vec<&'c str> {
        let named = columns.iter().filter(|c| names(&self.text, c));
        let named: Vec<&str> = named.copied().collect();
        match named.is_empty() && self.any_column {
            true => columns.to_vec(),
            false => named,
        }
    }

    /// Whether it may leave a row out: one for which it returns null is not written, and Postgres
    /// tells nobody.
    pub(crate) fn may_leave_out(&self) -> bool {
        let text = self.text.to_lowercase();
        let mut words = text.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        let mut before = "";
        words.any(|word| {
            let is_it = word == "null" && before == "return";
            if !word.is_empty() {
                before = word;
            }
            is_it
        })
    }

    /// Whether its text has `column`.
    pub(crate) fn names(&self, column: &str) -> bool {
        names(&self.text, column)
    }
}

/// Whether `text` has `name` as a word of its own, in whatever case.
fn names(text: &str, name: &str) -> bool {
    let (text, name) = (text.to_lowercase(), name.to_lowercase());
    let is_of_name = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    text.match_indices(&name).any(|(at, _)| {
        let (before, behind) = (&text[..at], &text[at + name.len()..]);
        !before.ends_with(is_of_name) && !behind.starts_with(is_of_name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trigger(text: &str, any_column: bool) -> RowTrigger {
        RowTrigger {
            name: "t".to_owned(),
            table: "people".to_owned(),
            text: text.to_owned(),
            any_column,
        }
    }

    #[test]
    fn a_trigger_that_returns_null_may_leave_rows_out() {
        let may_leave_out = |text| trigger(text, false).may_leave_out();
        assert!(may_leave_out(
            "if new.name = 'x' then\n RETURN\n  NULL; end if; return new;"
        ));
        assert!(!may_leave_out(
            "if new.name is null then return new; end if; return_null();"
        ));
    }

    #[test]
    fn a_trigger_may_set_what_it_names_or_else_anything() {
        let columns = ["updated_at", "_gm_offset"];
        let may_set = |text, any| trigger(text, any).may_set(&columns);
        assert_eq!(may_set("new.Updated_At := now();", false), ["updated_at"]);
        assert_eq!(
            may_set("new.\"updated_at\" := now();", true),
            ["updated_at"]
        );
        assert_eq!(may_set("new.updated_at_2 := now();", false), [""; 0]);
        assert_eq!(
            may_set("new := jsonb_populate_record(new, x);", true),
            columns
        );
    }
}
