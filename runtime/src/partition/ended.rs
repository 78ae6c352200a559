//! Why a worker ended, and so what its partition does next.

/// Why a worker ended.
#[derive(Debug)]
pub enum Ended {
    /// It was told to.
    Stopped,
    /// Take the partition again through the start path: what committed is in the checkpoint.
    Restart(anyhow::Error),
    /// A person must act.
    Halt(anyhow::Error),
}
