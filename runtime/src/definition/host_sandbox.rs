//! The sandbox that the program's commands load components into.

use gristmill_sandbox::{Sandbox, SandboxError};

/// Opens a sandbox that compiles in a process of its own and keeps what it compiled for the next
/// run of any command. Without a folder to keep it in, each run compiles again.
pub fn open() -> Result<Sandbox, SandboxError> {
    match Sandbox::compiling_apart(crate::folders::cache_folder().as_deref()) {
        // A folder that others could write in would be a way in: that stays an error.
        Err(
            error @ SandboxError::Cache {
                source: Some(_), ..
            },
        ) => {
            tracing::warn!(
                "{:#}, so every start compiles the components again: set XDG_CACHE_HOME to a \
                 folder that can be written",
                anyhow::Error::new(error)
            );
            Sandbox::compiling_apart(None)
        }
        opened => opened,
    }
}
