//! The table that a pipeline fills, and the tables beside it.
//!
//! - [`schema`] creates and checks the tables: `migration` has gristmill's own, `wanted_table` the
//!   one that a pipeline wants, [`privileges`] what a role may do with them;
//! - [`target_table`] knows that table as it is, `fit` says what keeps rows from it, and `narrow`
//!   what may change or refuse some; `row_trigger`: what may change a row before it is stored;
//! - [`filled_columns`]: what a pipeline took from its catalogue, and what became of it;
//! - [`fitness`] looks at it while rows are written, for what would lose them in silence;
//! - [`bookkeeping`]: what gristmill keeps of it beside its rows; [`rule_number`] numbers the rules
//!   by which they have versions;
//! - [`later_columns`]: which rows were written before a column was;
//! - [`written_since`]: which rows were written after a column was changed;
//! - [`row_lookup`] compares rows with what the table holds, and writes nothing;
//! - [`absent_rows`] finds rows with cells that nobody knows;
//! - [`dimension_query`] loads reference data;
//! - [`identifier`]: names in SQL.

pub mod absent_rows;
pub mod bookkeeping;
pub mod catalogue;
pub mod dimension_query;
pub mod filled_columns;
mod fit;
pub mod fitness;
pub mod identifier;
pub(crate) mod later_columns;
mod migration;
mod narrow;
pub mod privileges;
pub mod row_lookup;
mod row_trigger;
pub mod rule_number;
pub mod schema;
pub mod target_table;
mod wanted_table;
pub mod written_since;
