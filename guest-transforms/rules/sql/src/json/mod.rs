//! JSON in the normal form of `jsonb`: members by length and then by bytes, each name once, numbers
//! as decimals, a blank after `:` and `,`. It is made where JSON comes in; what looks into it
//! relies on it.

mod find;
mod normal;

pub(crate) use find::{element, is_kind, kind, length, member, number, truth, unquoted};
pub(crate) use normal::normalize;
