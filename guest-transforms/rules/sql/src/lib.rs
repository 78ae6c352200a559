//! Columns and dead letters by expressions of SQL, as PostgreSQL computes them.

mod call;
mod column;
mod config;
mod double;
mod eval;
mod function;
mod input;
mod input_column;
mod json;
mod like;
mod mistake;
mod numeric;
mod order;
#[doc(hidden)]
pub mod probe;
#[doc(hidden)]
pub mod reference;
mod regex;
mod resolve;
mod rule;
mod run;
mod show;
mod syntax;
mod time;
mod tree;
mod types;
mod value;

pub use rule::Sql;
#[doc(hidden)]
pub use types::Type;

gristmill_guest::transform!(Sql);
