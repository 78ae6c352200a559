//! The table that a pipeline fills, and the tables beside it.
//!
//! - [`schema`] creates and checks the tables, [`target`] knows the one that a pipeline fills,
//!   `fit` says what keeps rows from it;
//! - [`row_lookup`] compares rows with what the table holds, and writes nothing;
//! - [`dimension_query`] loads reference data.

pub mod dimension_query;
mod fit;
pub mod row_lookup;
pub mod schema;
pub mod target;
