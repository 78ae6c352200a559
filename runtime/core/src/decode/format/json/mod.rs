//! JSON, walked once with sonic-rs.
//!
//! - [`document`]: a value or key with reads in it;
//! - [`visit`]: one walk over it, place ([`place`]) by place, into slots;
//! - [`decimal`]: a decimal number, in its three forms;
//! - [`wrapper`]: a document with its schema around it, [`connect_schema`]: what that
//!   says;
//! - [`skip`]: what nobody reads, validated all the same;
//! - [`validate`]: a piece of a document by itself;
//! - [`exact`]: a slow walk, for what sonic-rs cannot read though it is JSON.

mod connect_schema;
mod decimal;
mod document;
mod exact;
mod place;
mod skip;
mod validate;
mod visit;
mod wrapper;

pub(crate) use document::Document;
#[cfg(test)]
pub(crate) use skip::DEPTH_MAX;
pub(crate) use wrapper::{is_first as is_first_of_wrapper, schema_of_null};
