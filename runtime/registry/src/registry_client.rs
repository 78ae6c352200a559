//! A schema by its id, with all that it refers to.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use gristmill_core::decode::{SchemaId, SchemaKind, SchemaReference, SchemaText, base64};
use serde::de::DeserializeOwned;
use ureq::Agent;

use crate::agent::agent;
use crate::fetch_error::FetchError;
use crate::registry_answer::{ApicurioReference, ConfluentReference, ConfluentSchema, Trouble};
use crate::settings::{Api, Ids, Login, RegistrySettings};

/// The longest answer that is read: a schema of 1 MiB, each byte of which may be escaped.
const ANSWER_MAX_BYTES: u64 = 4 << 20;
/// The longest schema: Debezium's largest, of a table of 1,600 columns, is some 400 KiB.
const TEXT_MAX_BYTES: usize = 1 << 20;
/// Schemas that one may refer to. Those of Google's APIs come to some dozens.
const REFERENCES_MAX: usize = 1_000;
/// How far one may refer through others.
const DEPTH_MAX: usize = 64;

/// Asks a registry. It blocks.
#[derive(Debug)]
pub struct RegistryClient {
    settings: RegistrySettings,
    /// Which of the URLs had a schema last.
    answers: AtomicUsize,
}

/// One question and those that follow from it.
struct Question<'c> {
    settings: &'c RegistrySettings,
    agent: Agent,
    url: &'c str,
    id: SchemaId,
    expected: SchemaKind,
    /// The header that says who asks.
    login: Option<String>,
}

impl RegistryClient {
    pub fn new(settings: RegistrySettings) -> Self {
        Self {
            settings,
            answers: AtomicUsize::new(0),
        }
    }

    /// The schema of `id`, asked of one URL after the other until one has it, from the one on that
    /// had one last. Where the registry does not say of what kind it is, it is `expected`.
    pub fn schema(&self, id: SchemaId, expected: SchemaKind) -> Result<SchemaText, FetchError> {
        if !is_given_out(id) {
            return Err(FetchError::Unknown { id });
        }
        let urls = &self.settings.urls;
        let first = self.answers.load(Ordering::Relaxed);
        let mut failed: Option<FetchError> = None;
        for n in 0..urls.len() {
            let at = (first + n) % urls.len();
            let question = Question::new(&self.settings, &urls[at], id, expected);
            match question.and_then(|question| question.schema()) {
                Err(error) if hope(&error) > 0 => {
                    let is_better = failed.as_ref().is_none_or(|e| hope(&error) > hope(e));
                    failed = if is_better { Some(error) } else { failed };
                }
                answer => {
                    self.answers.store(at, Ordering::Relaxed);
                    return answer;
                }
            }
        }
        Err(failed.unwrap_or_else(|| FetchError::Away {
            url: "of [source.registry]".to_owned(),
            why: "there is none".to_owned(),
        }))
    }
}

/// Whether a registry can have given out such an id: their numbers have a sign. What is beyond they
/// do not take for an id, and answer as a path that is not there.
fn is_given_out(id: SchemaId) -> bool {
    match id {
        SchemaId::Id(id) => i32::try_from(id).is_ok(),
        SchemaId::Long(id) | SchemaId::Content(id) | SchemaId::Global(id) => {
            i64::try_from(id).is_ok()
        }
        SchemaId::Guid(_) | SchemaId::Given => true,
    }
}

/// How far another of several URLs may still have what this one has not: one that is away may have
/// it, so that a standby which lacks it, or lets nobody in, does not speak for all. 0: it has it,
/// and it is of no use.
fn hope(error: &FetchError) -> u8 {
    match error {
        FetchError::Refused { .. } => 0,
        FetchError::Unknown { .. } => 1,
        FetchError::Denied { .. } => 2,
        FetchError::Away { .. } => 3,
    }
}

impl<'c> Question<'c> {
    fn new(
        settings: &'c RegistrySettings,
        url: &'c str,
        id: SchemaId,
        expected: SchemaKind,
    ) -> Result<Self, FetchError> {
        let away = |why: String| FetchError::Away {
            url: url.to_owned(),
            why,
        };
        let read = |secret: &crate::secret::Secret| {
            let word = secret.read(&settings.folder);
            word.map_err(|error| away(error.to_string()))
        };
        let login = match &settings.login {
            Login::Anonymous => None,
            Login::Basic { user, password } => {
                let pair = format!("{user}:{}", read(password)?);
                Some(format!("Basic {}", base64(pair.as_bytes())))
            }
            Login::Bearer { token } => Some(format!("Bearer {}", read(token)?)),
        };
        Ok(Self {
            agent: agent(settings).map_err(away)?,
            settings,
            url,
            id,
            expected,
            login,
        })
    }

    fn schema(&self) -> Result<SchemaText, FetchError> {
        match self.settings.api {
            Api::Confluent => self.confluent(),
            Api::Apicurio => self.apicurio(),
        }
    }

    fn confluent(&self) -> Result<SchemaText, FetchError> {
        let path = match self.id {
            SchemaId::Id(id) => format!("/schemas/ids/{id}"),
            // What Confluent's API of Apicurio calls id is a content id.
            SchemaId::Content(id) => format!("/schemas/ids/{id}"),
            SchemaId::Guid(_) => format!("/schemas/guids/{}", guid_of(self.id)),
            SchemaId::Long(_) | SchemaId::Global(_) | SchemaId::Given => {
                return Err(self.refused(
                    "only Apicurio's own API knows such an id: api = \"apicurio\" and a url that \
                     ends with /apis/registry/v2 in [source.registry] ask it"
                        .to_owned(),
                ));
            }
        };
        let root: ConfluentSchema = self.json(&path)?;
        let kind = root
            .kind()
            .map_err(|word| self.refused(format!("it is of the type {word}, which is not read")))?;
        let mut closure = Closure::default();
        let references = root.references.clone().unwrap_or_default();
        self.confluent_references(&references, 0, &mut closure)?;
        closure.with(self, kind, root.schema)
    }

    fn confluent_references(
        &self,
        references: &[ConfluentReference],
        depth: usize,
        closure: &mut Closure,
    ) -> Result<(), FetchError> {
        for reference in references {
            if !closure.begin(self, &reference.name, depth)? {
                continue;
            }
            let (subject, version) = (escaped(&reference.subject), reference.version);
            // What is referred to counts, though somebody has deleted it since.
            let path = format!("/subjects/{subject}/versions/{version}?deleted=true");
            let found: ConfluentSchema = self.json(&path)?;
            let below = found.references.unwrap_or_default();
            self.confluent_references(&below, depth + 1, closure)?;
            closure.end(self, &reference.name, found.schema)?;
        }
        Ok(())
    }

    fn apicurio(&self) -> Result<SchemaText, FetchError> {
        let ids = self.settings.ids;
        let path = match self.id {
            SchemaId::Content(id) => format!("/ids/contentIds/{id}"),
            SchemaId::Global(id) => format!("/ids/globalIds/{id}"),
            SchemaId::Id(id) => match ids.unwrap_or(Ids::Content) {
                Ids::Content => format!("/ids/contentIds/{id}"),
                Ids::Global => format!("/ids/globalIds/{id}"),
            },
            SchemaId::Long(id) => match ids.unwrap_or(Ids::Global) {
                Ids::Content => format!("/ids/contentIds/{id}"),
                Ids::Global => format!("/ids/globalIds/{id}"),
            },
            SchemaId::Guid(_) | SchemaId::Given => {
                return Err(self.refused("only Confluent's API knows such an id".to_owned()));
            }
        };
        let text = self.text(&path)?;
        let references: Vec<ApicurioReference> = self.json(&format!("{path}/references"))?;
        let mut closure = Closure::default();
        self.apicurio_references(&references, 0, &mut closure)?;
        // Apicurio does not say of what kind a content is.
        closure.with(self, self.expected, text)
    }

    fn apicurio_references(
        &self,
        references: &[ApicurioReference],
        depth: usize,
        closure: &mut Closure,
    ) -> Result<(), FetchError> {
        for reference in references {
            if !closure.begin(self, &reference.name, depth)? {
                continue;
            }
            let group = reference.group.as_deref().unwrap_or("default");
            let path = format!(
                "/groups/{}/artifacts/{}/versions/{}",
                escaped(group),
                escaped(&reference.artifact),
                escaped(&reference.version)
            );
            let below: Vec<ApicurioReference> = self.json(&format!("{path}/references"))?;
            self.apicurio_references(&below, depth + 1, closure)?;
            closure.end(self, &reference.name, self.text(&path)?)?;
        }
        Ok(())
    }

    fn json<T: DeserializeOwned>(&self, path: &str) -> Result<T, FetchError> {
        let body = self.get(path)?;
        serde_json::from_slice(&body).map_err(|error| {
            self.away(format!(
                "{path} is answered by something else than a schema registry does ({error}): is \
                 the url right?"
            ))
        })
    }

    fn text(&self, path: &str) -> Result<String, FetchError> {
        let body = self.get(path)?;
        String::from_utf8(body).map_err(|_| self.refused("its text is no UTF-8".to_owned()))
    }

    /// The body of a good answer.
    fn get(&self, path: &str) -> Result<Vec<u8>, FetchError> {
        let mut request = self.agent.get(format!("{}{path}", self.url)).header(
            "Accept",
            "application/vnd.schemaregistry.v1+json, application/json, */*",
        );
        for (name, value) in &self.settings.headers {
            request = request.header(name, value);
        }
        if let Some(login) = &self.login {
            request = request.header("Authorization", login);
        }
        let mut response = request.call().map_err(|error| self.away(said(&error)))?;
        let status = response.status().as_u16();
        let body = response
            .body_mut()
            .with_config()
            .limit(ANSWER_MAX_BYTES)
            .read_to_vec();
        let body = match body {
            Ok(body) => body,
            Err(ureq::Error::BodyExceedsLimit(limit)) => {
                return Err(self.refused(format!("its answer is larger than {limit} bytes")));
            }
            Err(error) => return Err(self.away(said(&error))),
        };
        match status {
            200 => Ok(body),
            401 | 403 => Err(FetchError::Denied {
                url: self.url.to_owned(),
                status,
            }),
            404 => match Trouble::of(&body) {
                trouble if trouble.is_unknown() => Err(FetchError::Unknown { id: self.id }),
                _ => Err(self.away(format!(
                    "it has no {path} (404, without a registry's word for an unknown schema): is \
                     the path of the url right?"
                ))),
            },
            status => {
                let message = Trouble::of(&body).message;
                let said = message.map_or_else(String::new, |text| {
                    format!(": {}", text.chars().take(200).collect::<String>())
                });
                Err(self.away(format!("it answers {status}{said}")))
            }
        }
    }

    fn away(&self, why: String) -> FetchError {
        FetchError::Away {
            url: self.url.to_owned(),
            why,
        }
    }

    fn refused(&self, why: String) -> FetchError {
        FetchError::Refused {
            id: self.id,
            url: self.url.to_owned(),
            why,
        }
    }
}

/// What a schema refers to, gathered: each after what it refers to itself.
#[derive(Default)]
struct Closure {
    seen: HashSet<String>,
    references: Vec<SchemaReference>,
    bytes: usize,
}

impl Closure {
    /// Whether `name` is new.
    fn begin(&mut self, of: &Question<'_>, name: &str, depth: usize) -> Result<bool, FetchError> {
        if !self.seen.insert(name.to_owned()) {
            return Ok(false);
        }
        if depth >= DEPTH_MAX || self.seen.len() > REFERENCES_MAX {
            return Err(of.refused(format!(
                "it refers to more than {REFERENCES_MAX} others, or through more than {DEPTH_MAX}"
            )));
        }
        Ok(true)
    }

    fn end(&mut self, of: &Question<'_>, name: &str, text: String) -> Result<(), FetchError> {
        self.add(of, &text)?;
        self.references.push(SchemaReference {
            name: name.to_owned(),
            text,
        });
        Ok(())
    }

    fn add(&mut self, of: &Question<'_>, text: &str) -> Result<(), FetchError> {
        self.bytes += text.len();
        if text.len() > TEXT_MAX_BYTES || self.bytes > ANSWER_MAX_BYTES as usize {
            return Err(of.refused(format!(
                "its text is larger than {TEXT_MAX_BYTES} bytes, or than {ANSWER_MAX_BYTES} with \
                 all that it refers to"
            )));
        }
        Ok(())
    }

    fn with(
        mut self,
        of: &Question<'_>,
        kind: SchemaKind,
        text: String,
    ) -> Result<SchemaText, FetchError> {
        self.add(of, &text)?;
        Ok(SchemaText {
            kind,
            text,
            references: self.references,
        })
    }
}

/// What went wrong, in a few words.
fn said(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(_) => "it takes longer than timeout_ms".to_owned(),
        ureq::Error::HostNotFound => "there is no host of that name".to_owned(),
        ureq::Error::Io(error) => error.to_string(),
        error => error.to_string(),
    }
}

/// A part of a path, with everything escaped that could end it.
fn escaped(part: &str) -> String {
    let mut out = String::with_capacity(part.len());
    for byte in part.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(byte.into());
            }
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// A GUID as registries spell it.
fn guid_of(id: SchemaId) -> String {
    let SchemaId::Guid(bytes) = id else {
        return String::new();
    };
    let mut out = String::with_capacity(36);
    for (i, byte) in bytes.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        out.push_str(&format!("{byte:02x}"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_path_ends_nowhere_and_base64_is_padded() {
        assert_eq!(escaped("a/b?c=ä d"), "a%2Fb%3Fc%3D%C3%A4%20d");
        for (text, is) in [("", ""), ("a", "YQ=="), ("ab", "YWI="), ("abc", "YWJj")] {
            assert_eq!(base64(text.as_bytes()), is);
        }
        let guid =
            SchemaId::Guid(*b"\x1b\x4e\x28\xba\x2f\xa1\x11\xd2\x88\x3f\x00\x16\xd3\xcc\xa4\x27");
        assert_eq!(guid_of(guid), "1b4e28ba-2fa1-11d2-883f-0016d3cca427");
    }
}
