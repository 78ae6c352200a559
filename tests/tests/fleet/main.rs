//! Changing what runs: what may become active, what the hosts say to it, how it is tried, and how
//! it is taken back.

mod change;
mod fallback;
mod replay;
mod soak;
mod stage;
mod trial;
