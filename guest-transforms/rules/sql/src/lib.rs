//! Columns and dead letters by expressions of SQL, as PostgreSQL computes them.

mod call;
mod column;
mod double;
mod eval;
mod function;
mod input;
mod json;
mod like;
mod mistake;
mod numeric;
mod regex;
mod resolve;
mod syntax;
mod time;
mod tree;
mod types;
mod value;
