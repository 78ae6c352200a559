//! Why a component cannot be used, before a row flows.

use std::path::PathBuf;

use gristmill_core::transform::Fault;

use crate::printable::{MESSAGE_MAX_BYTES, printable};

/// Why the sandbox does not start or does not take a component.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The engine does not start on this machine.
    #[error("cannot start the WebAssembly engine")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The folder for compiled components is not safe to use.
    #[error("cannot keep compiled components in {}: {why}", path.display())]
    Cache {
        path: PathBuf,
        why: String,
        #[source]
        source: Option<std::io::Error>,
    },
    /// The file is not a component that this host can run.
    #[error("transform `{transform}`: {why}")]
    Refused {
        transform: String,
        /// What is wrong and what to do, in one sentence.
        why: String,
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// Nothing is wrong with the component so far.
    #[error("transform `{transform}` cannot be compiled on this host now: {why}")]
    Compiler { transform: String, why: String },
    /// The config does not fit the component's schema, or the component refused it.
    #[error("transform `{transform}`: config: {why}")]
    Config { transform: String, why: String },
    /// It did not answer `describe` or `open`, or not with the truth.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl SandboxError {
    pub(crate) fn refused(transform: &str, why: impl Into<String>) -> Self {
        Self::Refused {
            transform: transform.to_owned(),
            why: why.into(),
            source: None,
        }
    }

    pub(crate) fn refused_because(
        transform: &str,
        why: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        let source: Box<dyn std::error::Error + Send + Sync> = source.into();
        Self::Refused {
            transform: transform.to_owned(),
            why: why.into(),
            source: Some(in_print(&*source).into()),
        }
    }
}

/// What went wrong and why, in one line: names in it come out of the file.
fn in_print(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |e| e.source());
    let causes: Vec<String> = causes.map(ToString::to_string).collect();
    printable(&causes.join(": "), MESSAGE_MAX_BYTES)
}
