//! `[source.registry]`: where the schemas of records are.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use gristmill_core::decode::OnMismatch;
use gristmill_core::digest::sha256;
use gristmill_registry::{Api, ClientIdentity, Ids, Login, RegistrySettings, Secret};
use schemars::JsonSchema;
use serde::Deserialize;

/// The schema registry that records name their schemas of.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegistrySection {
    /// `https://host:port`, up to where the API's own paths begin. Several, with commas, are tried
    /// in turn.
    pub url: String,
    /// What it understands. Most understand `confluent`, Apicurio below `/apis/ccompat/v7`.
    #[serde(default)]
    pub api: Api,
    /// What numbers in front of records name, for `api = "apicurio"`. Without it those of four
    /// bytes are content ids and those of eight global ids.
    pub ids: Option<Ids>,
    /// Basic authentication, with `password`.
    pub user: Option<String>,
    /// From the environment, or `file:PATH` for a file that holds it.
    #[schemars(with = "Option<String>")]
    pub password: Option<Secret>,
    /// A bearer token, from the environment, or `file:PATH` for a file that holds it, which is read
    /// anew for each question.
    #[schemars(with = "Option<String>")]
    pub token: Option<Secret>,
    /// A PEM file of authorities. Without it those that the machine trusts.
    pub ca: Option<String>,
    /// A PEM file of this client's certificate, with `client_key`.
    pub client_cert: Option<String>,
    /// A PEM file of its key.
    pub client_key: Option<String>,
    /// Headers of each question, for example those by which a cloud tells its clusters apart.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// How long one question may take.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u64,
    /// What happens at the first record of a schema in which something that is read has an
    /// impossible type: the partition halts before it, or such records are dead letters.
    #[serde(default)]
    pub on_mismatch: OnMismatch,
}

// A registry answers within milliseconds; after seconds another one of several is asked.
fn timeout_ms() -> u64 {
    5_000
}

impl RegistrySection {
    /// As the client takes it; paths begin at `folder`.
    pub fn settings(&self, folder: &Path) -> RegistrySettings {
        let login = match (&self.user, &self.password, &self.token) {
            (Some(user), Some(password), _) => Login::Basic {
                user: user.clone(),
                password: password.clone(),
            },
            (_, _, Some(token)) => Login::Bearer {
                token: token.clone(),
            },
            _ => Login::Anonymous,
        };
        let identity = self.client_cert.as_ref().zip(self.client_key.as_ref());
        RegistrySettings {
            urls: self.urls().map(str::to_owned).collect(),
            api: self.api,
            ids: self.ids,
            login,
            headers: self.headers.clone(),
            ca: self.ca.as_ref().map(|file| folder.join(file)),
            identity: identity.map(|(certificate, key)| ClientIdentity {
                certificate: folder.join(certificate),
                key: folder.join(key),
            }),
            timeout: Duration::from_millis(self.timeout_ms),
            folder: folder.to_owned(),
        }
    }

    fn urls(&self) -> impl Iterator<Item = &str> {
        let urls = self.url.split(',').map(str::trim);
        urls.map(|url| url.trim_end_matches('/'))
    }

    /// The name under which its schemas are kept: an id means another schema in another registry,
    /// by another way of reading ids, and in another cluster, which headers may name. Their values
    /// may be secret, so it holds a digest of them.
    pub fn name(&self) -> String {
        let mut urls = self.urls().collect::<Vec<_>>().join(",");
        if !self.headers.is_empty() {
            let headers = sha256(format!("{:?}", self.headers).as_bytes());
            urls.push_str(&format!(" (headers {headers})"));
        }
        match (self.api, self.ids) {
            (Api::Confluent, _) => urls,
            (Api::Apicurio, None) => format!("{urls} (apicurio)"),
            (Api::Apicurio, Some(Ids::Content)) => format!("{urls} (apicurio, content ids)"),
            (Api::Apicurio, Some(Ids::Global)) => format!("{urls} (apicurio, global ids)"),
        }
    }

    /// What no type can say.
    pub(super) fn contradictions(&self, problem: &mut impl FnMut(String)) {
        for url in self.urls() {
            if !url.starts_with("http://") && !url.starts_with("https://") {
                problem(
                    "source.registry.url must be http://host:port or https://host:port, several \
                     with commas"
                        .to_owned(),
                );
            } else if url.contains('@') {
                problem(
                    "source.registry.url has a user in it: write user and password as keys of \
                     their own, which are shown nowhere"
                        .to_owned(),
                );
            }
        }
        for (one, is_one, other, is_other) in [
            (
                "user",
                self.user.is_some(),
                "password",
                self.password.is_some(),
            ),
            (
                "client_cert",
                self.client_cert.is_some(),
                "client_key",
                self.client_key.is_some(),
            ),
        ] {
            let (is, lacks) = match (is_one, is_other) {
                (true, false) => (one, other),
                (false, true) => (other, one),
                _ => continue,
            };
            problem(format!("source.registry.{is} needs {lacks} beside it"));
        }
        if self.user.is_some() && self.token.is_some() {
            problem(
                "source.registry has both user and token: one of them says who asks".to_owned(),
            );
        }
        if self.ids.is_some() && self.api == Api::Confluent {
            problem(
                "source.registry.ids is for api = \"apicurio\": Confluent's API knows one kind of \
                 id"
                .to_owned(),
            );
        }
        if self.timeout_ms == 0 {
            problem("source.registry.timeout_ms must be above 0".to_owned());
        }
    }
}
