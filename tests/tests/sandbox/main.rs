//! The sandbox against a component that misbehaves in each way.

mod answers;
mod blame;
mod files;
mod guest;
mod memory;
mod starved;
mod surgery;
mod time;
mod traps;
