//! JSON, walked once with sonic-rs.
//!
//! - [`document`]: a value or key with reads in it;
//! - [`visit`]: one walk over it, place ([`place`]) by place, into slots;
//! - [`skip`]: what nobody reads, validated all the same;
//! - [`validate`]: a piece of a document by itself;
//! - [`exact`]: a slow walk, for what sonic-rs cannot read though it is JSON.

mod document;
mod exact;
mod place;
mod skip;
mod validate;
mod visit;

pub(crate) use document::Document;
#[cfg(test)]
pub(crate) use skip::DEPTH_MAX;
