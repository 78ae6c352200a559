//! What a process says over HTTP: whether it turns, whether it is ready, and its numbers.
//!
//! - [`server`]: three answers to GET; [`listener`]: where it listens;
//! - [`readiness`]: why a process is not ready;
//! - [`gauges`]: numbers that nobody counts: lag and waiting letters, asked for now and then.
//!
//! A server of our own and not axum: that one's hyper turns on features that everything is built
//! with, and three answers without a body, a session or a secret need none of it.

pub mod gauges;
pub mod listener;
pub mod readiness;
pub mod server;
