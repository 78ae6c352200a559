//! A table in Postgres that a real Debezium watches, and the one that gristmill makes of what it
//! sends: they must be equal, value by value.
//!
//! - [`captured`]: streams that were captured, in `tests/streams/`;
//! - [`live`]: tables that are watched now;
//! - [`incremental`]: rows that are read again amid their changes.

mod captured;
mod incremental;
mod live;
