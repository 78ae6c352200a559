//! What the hosts say to a change, and what is kept of each.

mod answers;
mod back;
