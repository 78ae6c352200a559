//! Connections, and values on the wire.

pub mod connect;
pub mod error;
pub(crate) mod placeholder;
pub mod pool;
mod tls;
pub(crate) mod values;
