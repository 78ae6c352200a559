//! The chain with native transforms, from JSON to rows.

mod blame;
mod events;
mod hand_over;
mod layers;
mod oracle;
mod outcome;
mod plans;
mod postgres;
mod rules;
mod simulation;
mod times;
mod tombstones;
mod versions;
mod walk;
