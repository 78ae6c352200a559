//! The sandbox against a component that misbehaves in each way.

mod answers;
mod files;
mod guest;
mod limits;
mod starved;
mod surgery;
