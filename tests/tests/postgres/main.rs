//! The commit and its neighbours against a real PostgreSQL.

mod fixture;

mod faults;
mod flush;
mod guard;
