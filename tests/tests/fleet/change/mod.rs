//! What may become active, and what is refused.

mod columns;
mod file;
mod in_sql;
mod refused;
mod restart;
