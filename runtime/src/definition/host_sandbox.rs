//! The sandbox that the program's commands load components into.

use gristmill_sandbox::{Sandbox, SandboxError};

/// Opens a sandbox that compiles in a process of its own and keeps what it compiled for the next
/// run of any command.
pub fn open() -> Result<Sandbox, SandboxError> {
    Sandbox::compiling_apart(crate::folders::cache_folder().as_deref())
}
