//! JSON, walked once.
//!
//! - [`document`]: a value or key with reads in it;
//! - [`visit`]: one walk over it, place ([`place`]) by place, into slots;
//! - [`decimal`]: a decimal number, in its three forms;
//! - [`null_document`]: what is no value;
//! - [`wrapper`]: a document with its schema around it, [`connect_schema`]: what that
//!   says, and [`known_schemas`]: those of the last documents; [`heads`]: what of it values share;
//! - [`fast`]: the reader of nearly every document, by a [`cursor`] that finds the ends of texts
//!   and numbers by [`runs`] of bytes; [`exact`]: a slow one, for what that one cannot tell;
//! - [`escape`]: what escapes in texts say, and [`storable`]: which Postgres stores; [`depth`]: how
//!   deep documents may nest.

mod connect_schema;
mod cursor;
mod decimal;
mod depth;
mod document;
mod escape;
mod exact;
mod fast;
mod heads;
mod known_schemas;
mod null_document;
mod place;
mod runs;
mod storable;
mod visit;
mod wrapper;

#[cfg(test)]
pub(crate) use depth::DEPTH_MAX;
pub(crate) use document::Document;
pub use heads::Heads;
pub(crate) use null_document::{is_no_value, is_no_value_behind};
pub(crate) use storable::{holds_zero_byte, unstorable};
pub(crate) use wrapper::{behind_schema_id, payload_behind};
