//! What text says, by the declared type: the text forms of Postgres, Java and RFC 3339.

pub(super) mod bytes;
pub(super) mod number;
pub(super) mod time;
pub(super) mod zulu;
