//! What differs between pipelines that mirror one topic.

use rand::Rng;
use rand::rngs::SmallRng;

use super::design::{Column, Table};
use super::stream::Head;

/// What a pipeline does, and what its table looks like.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What a deleted row leaves: `hard` or `soft`.
    pub delete: &'static str,
    /// The most records of one flush.
    pub max_rows: u32,
    /// By which place the newer event is known: `postgres` or `offset`; none is the default.
    pub version: Option<&'static str>,
    /// Whether a delete's row is taken whole.
    pub takes_whole_before: bool,
    /// Whether the target has columns of its own, and other names than the source.
    pub has_own_names: bool,
    /// Where the schemas of Avro are: Confluent's API.
    pub registry: Option<String>,
}

/// What the target is called where the source is called otherwise.
const OWN_NAMES: [&str; 2] = ["own key", "own.name"];
/// A column that no event has.
pub const OWN_COLUMN: &str = "own column";
/// The column that [`ENRICHER`] reads, and what it makes of it.
pub const ENRICHED: &str = "email";
/// The component that reads [`ENRICHED`].
pub const ENRICHER: &str = "builtin:enrich-email";

impl Settings {
    /// Few records in a flush, so that a stream is many of them, or all, so that it is one.
    pub fn draw(random: &mut SmallRng, head: &Head) -> Self {
        let has_log_places = head.shape.is_envelope() || head.modes.has_log_places();
        // Without a place in the log nothing says which rows a truncate leaves.
        let version = match (head.truncates, has_log_places) {
            (true, _) => None,
            (_, true) => [None, Some("postgres"), Some("offset")][random.random_range(0..3)],
            (_, false) => [None, Some("offset")][random.random_range(0..2)],
        };
        Self {
            delete: ["hard", "soft"][random.random_range(0..2)],
            max_rows: [3, 20, 1_000][random.random_range(0..3)],
            version,
            takes_whole_before: head.shape.is_envelope()
                && head.table.is_whole_before
                && random.random(),
            has_own_names: random.random_range(0..3) > 0,
            registry: None,
        }
    }

    /// The target's table, column by column as the source's: a key column, one that is no key's
    /// and the text that is enriched have other names.
    pub fn target(&self, source: &Table) -> Table {
        let mut target = source.clone();
        if !self.has_own_names {
            return target;
        }
        let last = target.columns.len() - 1;
        for (at, name) in [(0, OWN_NAMES[0]), (last, OWN_NAMES[1])] {
            target.columns[at].name = name.to_owned();
        }
        if let Some(column) = target.columns.iter_mut().find(is_text) {
            column.name = ENRICHED.to_owned();
        }
        target
    }

    /// Whether there is a text to enrich.
    pub fn enriches(&self, target: &Table) -> bool {
        target.columns.iter().any(|column| column.name == ENRICHED)
    }

    /// SQL that gives the target what no event has.
    pub fn own_ddl(&self, target: &Table) -> String {
        let mut ddl = String::new();
        if self.has_own_names {
            ddl += &format!(
                "alter table {} add \"{OWN_COLUMN}\" text not null default 'own';\n",
                target.name
            );
        }
        if self.enriches(target) {
            ddl += &format!(
                "alter table {} add email_domain text, add is_corporate boolean;\n",
                target.name
            );
        }
        ddl
    }

    /// An expression of SQL that is true of a row whose columns of its own are as they should be.
    /// What is not known of the text is not known of what is made of it.
    pub fn own_is_right(&self, target: &Table) -> String {
        let mut parts = vec!["true".to_owned()];
        if self.has_own_names {
            parts.push(format!("\"{OWN_COLUMN}\" = 'own'"));
        }
        if self.enriches(target) {
            let domain = format!("nullif(substring({ENRICHED} from '@([^@]*)$'), '')");
            parts.push(format!(
                "(gristmill.absent_columns('{}', _gm_absent) @> array['{ENRICHED}']
                  or (email_domain is not distinct from {domain}
                    and is_corporate = (coalesce(lower({domain}), '') = '{CORPORATE}')))",
                target.name
            ));
        }
        parts.join(" and ")
    }
}

/// The one domain that the enricher takes for a company's.
pub const CORPORATE: &str = "example.com";

fn is_text(column: &&mut Column) -> bool {
    column.is_external && column.kind == "text" && !OWN_NAMES.contains(&column.name.as_str())
}
