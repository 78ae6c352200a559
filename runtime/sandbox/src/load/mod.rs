//! From a file to a component that can be opened.

pub(crate) mod check_plan;
pub(crate) mod compiled;
pub(crate) mod compiled_cache;
pub mod compiler;
pub(crate) mod config_schema;
pub(crate) mod engine;
pub mod file;
pub(crate) mod schema_bounds;
pub(crate) mod toolchain;
