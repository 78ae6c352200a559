//! The commit and its neighbours against a real PostgreSQL.

mod fixture;

mod flush;
