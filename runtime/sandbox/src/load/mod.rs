//! From a file to a component that can be opened.

pub(crate) mod cache;
pub mod compile;
pub(crate) mod component;
pub(crate) mod config_schema;
pub(crate) mod engine;
pub mod file;
pub(crate) mod plan;
pub(crate) mod schema_bounds;
