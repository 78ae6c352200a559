//! Everything of gristmill that speaks to a schema registry. `ureq` is used nowhere else.
//!
//! A schema is asked for by its id alone, and never changes: subjects and their newest versions
//! are of no interest to who reads. [`RegistryClient`] blocks, so it belongs on the blocking pool.
//!
//! - [`settings`]: where the registry is and who asks;
//! - [`registry_client`]: a schema by its id, with all that it refers to;
//! - `agent`: one connection's certificates and limits;
//! - `registry_answer`: what the registry says, as JSON;
//! - [`fetch_error`]: why there is no schema, and so what to do;
//! - [`secret`]: a word that no message shows.

mod agent;
pub mod fetch_error;
mod registry_answer;
pub mod registry_client;
pub mod secret;
pub mod settings;

pub use fetch_error::FetchError;
pub use registry_client::RegistryClient;
pub use secret::Secret;
pub use settings::{Api, ClientIdentity, Ids, Login, RegistrySettings};
