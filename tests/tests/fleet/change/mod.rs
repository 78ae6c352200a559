//! What may become active, and what is refused.

mod columns;
mod file;
mod refused;
mod restart;
