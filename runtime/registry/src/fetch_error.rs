//! Why there is no schema, and so what to do.

use gristmill_core::decode::SchemaId;

/// Why a question had no schema for an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// Nobody answers, or not as a registry does: ask again later.
    #[error("the schema registry {url} does not answer: {why}")]
    Away { url: String, why: String },
    /// The registry says that there is none.
    #[error("the schema registry has no schema of {id}")]
    Unknown { id: SchemaId },
    /// The registry knows who asks and does not answer them: asking again is no use.
    #[error(
        "the schema registry {url} refuses this login with {status}: mend user and password, or \
         token, of [source.registry], or let it read schemas"
    )]
    Denied { url: String, status: u16 },
    /// What it answers is beyond what is read here, or the question cannot be asked.
    #[error("{id} cannot be had from the schema registry {url}: {why}")]
    Refused {
        id: SchemaId,
        url: String,
        why: String,
    },
}
