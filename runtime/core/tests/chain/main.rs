//! The chain with native transforms, from JSON to rows.

mod blame;
mod plans;
mod rules;
mod simulation;
mod times;
mod walk;
