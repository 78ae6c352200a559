//! Schema registries: [`fake`] for what a real one does not do when it is told to, and
//! [`apicurio`], a real one.

pub mod apicurio;
pub mod fake;
