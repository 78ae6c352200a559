//! A revision that is tried before it becomes active.

mod canary;
mod shadow;
