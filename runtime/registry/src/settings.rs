//! Where the registry is, and who asks.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// Where the registry is, and who asks.
#[derive(Clone, Debug)]
pub struct RegistrySettings {
    /// Each up to where the API's own paths begin. They are tried in turn.
    pub urls: Vec<String>,
    pub api: Api,
    /// What numbers in records name; `None`: content ids in four bytes, global ids in eight.
    pub ids: Option<Ids>,
    pub login: Login,
    /// Sent with each question.
    pub headers: BTreeMap<String, String>,
    /// A PEM file of authorities; else the system's.
    pub ca: Option<PathBuf>,
    /// The client's own certificate.
    pub identity: Option<ClientIdentity>,
    /// How long one question may take.
    pub timeout: Duration,
    /// Where the paths of secrets begin.
    pub folder: PathBuf,
}

/// PEM files of the client's own certificate and key.
#[derive(Clone, Debug)]
pub struct ClientIdentity {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Who asks.
#[derive(Clone, Debug)]
pub enum Login {
    /// Nobody in particular, or who the client's certificate says.
    Anonymous,
    /// Basic authentication.
    Basic { user: String, password: Secret },
    /// A token of an authority.
    Bearer { token: Secret },
}

/// What the registry understands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Api {
    /// Confluent's Schema Registry, and all that answer as it does: Karapace, Redpanda, Apicurio
    /// below `/apis/ccompat/v7`.
    #[default]
    Confluent,
    /// Apicurio's own, below `/apis/registry/v2`, for records with ids of eight bytes or with
    /// global ids in headers.
    Apicurio,
}

/// What Apicurio's numbers in the bytes of records name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ids {
    /// A content, as `apicurio.registry.use-id=contentId` writes.
    Content,
    /// A version of an artifact, as `apicurio.registry.use-id=globalId` writes.
    Global,
}
