//! The languages that rules are written in.

pub(crate) mod rust;
