//! What may become active, and what is refused.

mod file;
mod refused;
