//! The schemas that records name: in memory, else in Postgres, else in the registry.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gristmill_core::chain::Chain;
use gristmill_core::decode::{
    Decoder, Format, Formats, FoundSchema, Part, Schema, SchemaId, SchemaKind, SchemaText,
    Unreadiness, Unready, WantedSchema, framed,
};
use gristmill_core::record::{Record, Records};
use gristmill_postgres::fleet::schema_store::{self, StoredSchema};
use gristmill_postgres::wire::connection::Database;
use gristmill_registry::{FetchError, RegistryClient};

use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::block_in_place;

use crate::definition::file::{Config, RegistrySection};

/// How long a registry is asked again for an id that it does not know: a follower of several may
/// lag behind the one that a producer registered it at. So often, too, an id is asked for that
/// stayed unknown.
const UNKNOWN_AFTER: Duration = Duration::from_secs(30);

/// Questions to a registry are this far apart: whoever writes made-up ids to a topic must not make
/// a flood of them.
const PACE: Duration = Duration::from_millis(100);

/// Connections to Postgres that are open for schemas at a time: a hundred topics meet their first
/// records in the same second.
static CONNECTIONS: Semaphore = Semaphore::const_new(2);

/// The schemas of one pipeline's records.
pub struct Schemas {
    formats: Formats,
    registry: Option<Registry>,
    known: Mutex<HashMap<SchemaId, Told>>,
    unknown: Mutex<HashMap<SchemaId, UnknownId>>,
    /// When the next question may be asked.
    next_at: tokio::sync::Mutex<Instant>,
}

/// Where schemas are asked for.
struct Registry {
    /// The name under which Postgres keeps them.
    name: String,
    client: Arc<RegistryClient>,
    /// Keeps them.
    database: Option<Database>,
}

/// What is known of an id.
#[derive(Clone)]
struct Told {
    kind: SchemaKind,
    /// As the registry has it.
    text: Arc<str>,
    schema: Result<Arc<Schema>, String>,
}

/// An id that the registry does not know.
#[derive(Clone, Copy)]
struct UnknownId {
    since: Instant,
    asked: Instant,
}

/// A part of a record, read by its schema.
pub struct ReadPart {
    pub json: String,
    /// The schema's own text, where there is one.
    pub schema: Option<Arc<str>>,
}

/// What was found of some schemas.
pub struct FoundSchemas {
    pub schemas: Vec<(WantedSchema, FoundSchema)>,
    /// Some are unknown, and have been for so short a time that they may be on their way.
    pub may_come: bool,
}

impl FoundSchemas {
    /// Tells `chain` all of them. A chain keeps so many and no more, so those that the oldest
    /// records name come last.
    pub fn teach(&self, chain: &mut Chain) {
        for (wanted, schema) in self.schemas.iter().rev() {
            chain.learn(*wanted, schema);
        }
    }
}

/// Why nothing was found.
#[derive(Debug, thiserror::Error)]
pub enum NoSchemas {
    /// It goes on by itself when whoever is away is back.
    #[error("{0}")]
    Later(String),
    /// A person has to do something.
    #[error("{0}")]
    Never(String),
}

impl Schemas {
    /// Those that `config` says where to find, of records in `formats`.
    pub fn new(config: &Config, formats: Formats, database: &Database) -> Self {
        let registry = config.source.registry.as_ref().map(|section| Registry {
            name: section.name(),
            client: Arc::new(RegistryClient::new(section.settings(&config.folder))),
            database: Some(database.clone()),
        });
        Self::of(registry, formats)
    }

    /// Those that a registry knows, kept nowhere.
    pub fn unkept(section: &RegistrySection, formats: Formats) -> Self {
        let registry = Registry {
            name: section.name(),
            client: Arc::new(RegistryClient::new(section.settings(Path::new("")))),
            database: None,
        };
        Self::of(Some(registry), formats)
    }

    fn of(registry: Option<Registry>, formats: Formats) -> Self {
        Self {
            formats,
            registry,
            known: Mutex::default(),
            unknown: Mutex::default(),
            next_at: tokio::sync::Mutex::new(Instant::now()),
        }
    }

    /// Asks once for all that is wanted and not known yet.
    pub async fn find(&self, wanted: &[WantedSchema]) -> Result<FoundSchemas, NoSchemas> {
        let mut missing: Vec<WantedSchema> = Vec::new();
        for w in wanted {
            if self.told(w.id).is_none() && missing.iter().all(|m| m.id != w.id) {
                missing.push(*w);
            }
        }
        let mut may_come = false;
        if !missing.is_empty() {
            let registry = self.registry.as_ref().ok_or_else(no_registry)?;
            self.read_stored(registry, &mut missing).await?;
            for w in missing {
                may_come |= !self.ask(registry, w).await?;
            }
        }
        let found = |w: &WantedSchema| (*w, self.found(*w));
        Ok(FoundSchemas {
            schemas: wanted.iter().map(found).collect(),
            may_come,
        })
    }

    /// Tells `chain` the schemas that `records` name, for whoever computes them once and can say
    /// why not. Blocks while they are fetched.
    pub fn teach(&self, chain: &mut Chain, records: &Records) -> Result<(), NoSchemas> {
        // What cannot be read says so when it is computed.
        let mut taught = HashSet::new();
        while let Some(wanted) = missing(chain.look(records), &taught) {
            let found = block_in_place(|| Handle::current().block_on(self.find(&wanted)))?;
            found.teach(chain);
            taught.extend(wanted);
        }
        Ok(())
    }

    /// As [`Schemas::teach`], of a decoder alone.
    pub fn teach_decoder(&self, decoder: &mut Decoder, records: &Records) -> Result<(), NoSchemas> {
        let mut taught = HashSet::new();
        while let Some(wanted) = missing(decoder.look(records), &taught) {
            let found = block_in_place(|| Handle::current().block_on(self.find(&wanted)))?;
            for (wanted, schema) in found.schemas.iter().rev() {
                decoder.learn(*wanted, schema);
            }
            taught.extend(wanted);
        }
        Ok(())
    }

    /// How records are read.
    pub fn formats(&self) -> &Formats {
        &self.formats
    }

    /// A part of a record as JSON, where it takes a schema, or the frame of one, to read it.
    /// `None`: it takes none, or it cannot be read. Blocks while the schema is fetched.
    pub fn document(&self, record: &Record<'_>, part: Part) -> Option<ReadPart> {
        let (format, bytes) = match part {
            Part::Value => (self.formats.value, record.value?.whole()),
            Part::Key => (self.formats.key, Cow::from(record.key?)),
        };
        if format == Format::Json {
            return None;
        }
        let (id, payload) = framed(record, (part, &bytes), self.formats.framing).ok()?;
        if format == Format::JsonSchema {
            let json = String::from_utf8(payload.to_vec()).ok()?;
            return Some(ReadPart { json, schema: None });
        }
        let wanted = [WantedSchema { part, id }];
        let found = block_in_place(|| Handle::current().block_on(self.find(&wanted))).ok()?;
        match &found.schemas.first()?.1 {
            FoundSchema::Known(schema) => Some(ReadPart {
                json: schema.to_json(payload).ok()?,
                schema: self.told(id).map(|told| told.text),
            }),
            FoundSchema::Unknown(_) | FoundSchema::Unusable(_) => None,
        }
    }

    /// Whether the registry answers, if there is one.
    pub async fn probe(&self) -> Result<(), NoSchemas> {
        let Some(registry) = &self.registry else {
            return Ok(());
        };
        let client = Arc::clone(&registry.client);
        // Any id: that it is unknown is an answer.
        let ask = move || client.schema(SchemaId::Id(1), SchemaKind::Avro);
        let asked = tokio::task::spawn_blocking(ask).await;
        match asked.map_err(|panicked| NoSchemas::Never(panicked.to_string()))? {
            Err(error @ FetchError::Away { .. }) => Err(NoSchemas::Later(error.to_string())),
            Err(error @ FetchError::Denied { .. }) => Err(NoSchemas::Never(error.to_string())),
            Err(FetchError::Unknown { .. } | FetchError::Refused { .. }) | Ok(_) => Ok(()),
        }
    }

    /// Takes what Postgres has, and leaves the others in `missing`.
    async fn read_stored(
        &self,
        registry: &Registry,
        missing: &mut Vec<WantedSchema>,
    ) -> Result<(), NoSchemas> {
        let Some(database) = &registry.database else {
            return Ok(());
        };
        let ids: Vec<String> = missing.iter().map(|w| w.id.to_string()).collect();
        let stored = async {
            let _place = CONNECTIONS.acquire().await;
            let connection = database.connect().await?;
            schema_store::read(&connection, &registry.name, &ids).await
        };
        let stored = stored.await;
        let stored = stored
            .map_err(|error| NoSchemas::Later(format!("{:#}", anyhow::Error::from(error))))?;
        for StoredSchema { id, schema } in stored {
            let Some(at) = missing.iter().position(|w| w.id.to_string() == id) else {
                continue;
            };
            // What a newer program has stored otherwise is asked for again.
            if let Ok(text) = serde_json::from_value::<SchemaText>(schema) {
                let wanted = missing.swap_remove(at);
                self.keep(wanted.id, parsed(text).await);
            }
        }
        Ok(())
    }

    /// Asks the registry for one. Returns whether what is known now stays so.
    async fn ask(&self, registry: &Registry, wanted: WantedSchema) -> Result<bool, NoSchemas> {
        let id = wanted.id;
        if let Some(unknown) = self.unknown_id(id)
            && unknown.is_settled()
            && unknown.asked.elapsed() < UNKNOWN_AFTER
        {
            return Ok(true);
        }
        self.wait_for_turn().await;
        let client = Arc::clone(&registry.client);
        let expected = kind(wanted.part, &self.formats);
        let asked = tokio::task::spawn_blocking(move || client.schema(id, expected)).await;
        let answer = asked.map_err(|panicked| NoSchemas::Never(panicked.to_string()))?;
        match answer {
            Ok(text) => {
                lock(&self.unknown).remove(&id);
                store(registry, id, &text).await;
                self.keep(id, parsed(text).await);
                Ok(true)
            }
            Err(FetchError::Unknown { .. }) => Ok(self.note_unknown(id)),
            Err(error @ FetchError::Away { .. }) => Err(NoSchemas::Later(error.to_string())),
            Err(error @ FetchError::Denied { .. }) => Err(NoSchemas::Never(error.to_string())),
            // It is those records that cannot be read, and not all.
            Err(error @ FetchError::Refused { .. }) => {
                let told = Told {
                    kind: expected,
                    text: Arc::from(""),
                    schema: Err(error.to_string()),
                };
                self.keep(id, told);
                Ok(true)
            }
        }
    }

    async fn wait_for_turn(&self) {
        let mut next_at = self.next_at.lock().await;
        let now = Instant::now();
        let at = (*next_at).max(now);
        *next_at = at + PACE;
        drop(next_at);
        tokio::time::sleep(at - now).await;
    }

    /// Returns whether the id counts as unknown for good.
    fn note_unknown(&self, id: SchemaId) -> bool {
        let asked = Instant::now();
        let mut unknown = lock(&self.unknown);
        let entry = unknown.entry(id).or_insert(UnknownId {
            since: asked,
            asked,
        });
        entry.asked = asked;
        entry.is_settled()
    }

    fn unknown_id(&self, id: SchemaId) -> Option<UnknownId> {
        lock(&self.unknown).get(&id).copied()
    }

    fn told(&self, id: SchemaId) -> Option<Told> {
        lock(&self.known).get(&id).cloned()
    }

    fn keep(&self, id: SchemaId, told: Told) {
        lock(&self.known).insert(id, told);
    }

    /// What a decoder is told of a schema.
    fn found(&self, wanted: WantedSchema) -> FoundSchema {
        let Some(told) = self.told(wanted.id) else {
            return FoundSchema::Unknown(format!(
                "the registry has no schema {}: register it there, then replay this letter",
                wanted.id
            ));
        };
        let expected = kind(wanted.part, &self.formats);
        match told.schema {
            Ok(_) if told.kind != expected => FoundSchema::Unusable(format!(
                "schema {} is {}, and the pipeline file says that {} is {}: mend {} under [source]",
                wanted.id,
                name_of(told.kind),
                match wanted.part {
                    Part::Value => "the value",
                    Part::Key => "the key",
                },
                name_of(expected),
                match wanted.part {
                    Part::Value => "value_format",
                    Part::Key => "key_format",
                },
            )),
            Ok(schema) => FoundSchema::Known(schema),
            Err(why) => FoundSchema::Unusable(why),
        }
    }
}

impl UnknownId {
    fn is_settled(&self) -> bool {
        self.asked.duration_since(self.since) >= UNKNOWN_AFTER
    }
}

/// What is still to be told, unless all of that was told before: there are more for one batch then
/// than are kept at a time.
fn missing(unready: Option<Unready>, taught: &HashSet<WantedSchema>) -> Option<Vec<WantedSchema>> {
    match unready?.because {
        Unreadiness::Missing(wanted) if wanted.iter().any(|w| !taught.contains(w)) => Some(wanted),
        _ => None,
    }
}

fn no_registry() -> NoSchemas {
    NoSchemas::Never(
        "records name their schemas, and the pipeline file does not say where these are: add \
         [source.registry] with url = \"https://host:port\""
            .to_owned(),
    )
}

/// What is expected of a part whose registry does not say what it holds.
fn kind(part: Part, formats: &Formats) -> SchemaKind {
    let format = match part {
        Part::Value => formats.value,
        Part::Key => formats.key,
    };
    match format {
        Format::Avro => SchemaKind::Avro,
        Format::Json | Format::JsonSchema => SchemaKind::Json,
    }
}

fn name_of(kind: SchemaKind) -> &'static str {
    match kind {
        SchemaKind::Avro => "avro",
        SchemaKind::Protobuf => "protobuf",
        SchemaKind::Json => "json-schema",
    }
}

/// Parses off the tasks that wait: a schema may be a megabyte.
async fn parsed(text: SchemaText) -> Told {
    let kind = text.kind;
    let (text, of) = (Arc::from(text.text.as_str()), text);
    let parsed = tokio::task::spawn_blocking(move || Schema::parse(&of)).await;
    let schema = match parsed {
        Ok(Ok(schema)) => Ok(Arc::new(schema)),
        Ok(Err(error)) => Err(error.to_string()),
        Err(panicked) => Err(panicked.to_string()),
    };
    Told { kind, text, schema }
}

/// Keeps a schema for the next start. Without it that asks the registry again.
async fn store(registry: &Registry, id: SchemaId, text: &SchemaText) {
    let Some(database) = &registry.database else {
        return;
    };
    let stored = async {
        let _place = CONNECTIONS.acquire().await;
        let connection = database.connect().await?;
        let schema = StoredSchema {
            id: id.to_string(),
            schema: serde_json::to_value(text)?,
        };
        anyhow::Ok(schema_store::store(&connection, &registry.name, &schema).await?)
    };
    if let Err(error) = stored.await {
        tracing::warn!("schema {id} is not kept for the next start: {error:#}");
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
