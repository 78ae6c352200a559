//! The table that a pipeline fills, and the tables beside it.
//!
//! - [`schema`] creates and checks the tables, [`target`] knows the one that a pipeline fills,
//!   `fit` says what keeps rows from it;
//! - [`standing`] compares rows with what the table holds, and writes nothing;
//! - [`dimension`] loads reference data.

pub mod dimension;
mod fit;
pub mod schema;
pub mod standing;
pub mod target;
