//! Connections, and values on the wire.

pub(crate) mod column_array;
pub mod column_form;
pub mod connection;
pub mod database_error;
mod dial;
mod line;
pub(crate) mod mask_array;
mod password_file;
pub(crate) mod placeholder;
pub mod pool;
mod pulse;
pub(crate) mod read_column;
mod tls;
mod url;
pub(crate) mod version_array;
