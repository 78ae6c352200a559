//! A compiled component under limits.

use std::sync::{Arc, OnceLock};

use gristmill_core::transform::{Fault, Transform};
use serde_json::Value;
use wasmtime::Engine;
use wasmtime::component::{Component as Code, HasSelf, Linker};

use crate::Shared;
use crate::bindings::TransformPre;
use crate::bindings::gristmill::transform::types;
use crate::call::guard::{self, Guard};
use crate::call::instance::{Instance, Meter, Stop};
use crate::call::log::{Log, MESSAGE_MAX_BYTES, printable};
use crate::call::transform::SandboxedTransform;
use crate::error::SandboxError;
use crate::limits::Limits;
use crate::load::cache;
use crate::load::compile::NotCompiled;
use crate::load::config_schema::ConfigSchema;
use crate::load::engine;
use crate::load::file::{self, LOG};
use crate::load::plan::ENTRIES_MAX;

/// A component's code, shared by everybody who uses its digest.
pub(crate) struct Compiled {
    digest: String,
    bytes: Vec<u8>,
    fast: TransformPre<Guard>,
    /// The error is its sentence: it is told to everybody who asks.
    metered: OnceLock<Result<TransformPre<Guard>, String>>,
    shared: Arc<Shared>,
}

impl Compiled {
    pub(crate) fn new(
        transform: &str,
        digest: &str,
        bytes: Vec<u8>,
        shared: Arc<Shared>,
    ) -> Result<Self, SandboxError> {
        let fast = compile(&shared, Meter::Clock, digest, &bytes).map_err(|e| match e {
            NotCompiled::BeyondLimit(why) => SandboxError::refused(transform, why),
            NotCompiled::Host(why) => SandboxError::Compiler {
                transform: transform.to_owned(),
                why: printable(&why, MESSAGE_MAX_BYTES),
            },
            NotCompiled::Refused(e) => {
                let why = engine::beyond_the_pool(&e).unwrap_or_else(|| {
                    "the engine does not take the component: check it with `wasm-tools validate`, \
                     and build it without unusual WebAssembly features"
                        .to_owned()
                });
                SandboxError::refused_because(transform, why, e)
            }
        })?;
        Ok(Self {
            digest: digest.to_owned(),
            bytes,
            fast,
            metered: OnceLock::new(),
            shared,
        })
    }

    /// The code for the engine that `meter` needs, or why it does not compile. Waits for a
    /// compilation that is under way.
    pub(crate) fn code(&self, meter: Meter) -> Result<&TransformPre<Guard>, &str> {
        match meter {
            Meter::Clock => Ok(&self.fast),
            Meter::Fuel => self.metered().as_ref().map_err(String::as_str),
        }
    }

    fn metered(&self) -> &Result<TransformPre<Guard>, String> {
        self.metered.get_or_init(|| {
            compile(&self.shared, Meter::Fuel, &self.digest, &self.bytes).map_err(|e| {
                let why = match e {
                    NotCompiled::BeyondLimit(why) | NotCompiled::Host(why) => why,
                    NotCompiled::Refused(e) => format!("{e:#}"),
                };
                printable(&why, MESSAGE_MAX_BYTES)
            })
        })
    }

    /// Compiles for the metered engine beside everything else, so that neither a start nor the
    /// first batch that misses its deadline waits for it.
    pub(crate) fn prepare_metered(self: &Arc<Self>) {
        let compiled = Arc::clone(self);
        let preparing = std::thread::Builder::new().name("sandbox-compile".to_owned());
        // Without a thread it is compiled when it is needed.
        let _ = preparing.spawn(move || {
            let _ = compiled.metered();
        });
    }
}

fn compile(
    shared: &Shared,
    meter: Meter,
    digest: &str,
    bytes: &[u8],
) -> Result<TransformPre<Guard>, NotCompiled> {
    let engine = shared.engines.of(meter);
    let compile = || shared.compiler.compile(engine, meter, bytes);
    let code = match &shared.cache {
        Some(cache) => cache.compiled(engine, digest, compile)?,
        None => cache::load_bytes(engine, &compile()?)?,
    };
    link(engine, &code).map_err(NotCompiled::Refused)
}

fn link(engine: &Engine, code: &Code) -> wasmtime::Result<TransformPre<Guard>> {
    let mut linker = Linker::new(engine);
    types::add_to_linker::<_, HasSelf<Guard>>(&mut linker, |guard| guard)?;
    linker.instance(LOG)?.func_wrap("write", guard::write)?;
    TransformPre::new(linker.instantiate_pre(code)?)
}

/// What a component says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    pub name: String,
    pub version: String,
    pub summary: String,
    /// JSON Schema of the config that `open` takes, as text.
    pub config_schema: String,
    pub attributes: Vec<(String, String)>,
}

/// A component that has been compiled and has described itself. Cheap to clone.
#[derive(Clone)]
pub struct Component {
    name: Arc<str>,
    limits: Limits,
    compiled: Arc<Compiled>,
    description: Arc<Description>,
    schema: Arc<ConfigSchema>,
}

impl Component {
    pub(crate) fn describe(
        name: &str,
        compiled: Arc<Compiled>,
        limits: &Limits,
    ) -> Result<Self, SandboxError> {
        let log = Log::new(name, limits.log_lines_per_second);
        let describe = |meter| {
            Instance::new(&compiled, meter, Guard::new(limits.clone(), log.clone()))?.describe()
        };
        let description = match describe(Meter::Clock) {
            Err(Stop::Deadline) => describe(Meter::Fuel),
            answer => answer,
        };
        let description = description.map_err(|stop| stop.into_fault(name))?;
        let attributes = description.attributes.len();
        if attributes > ENTRIES_MAX {
            return Err(SandboxError::Fault(Fault::Lied(format!(
                "transform `{name}` describes itself with {attributes} attributes, and \
                 {ENTRIES_MAX} are the most, which no setting changes"
            ))));
        }
        let schema = ConfigSchema::parse(&description.config_schema).map_err(|why| {
            Fault::Lied(format!(
                "transform `{name}` describes its config wrongly: {}",
                printable(&why, MESSAGE_MAX_BYTES)
            ))
        })?;
        Ok(Self {
            name: name.into(),
            limits: limits.clone(),
            compiled,
            description: Arc::new(description),
            schema: Arc::new(schema),
        })
    }

    /// SHA-256 of [`Component::bytes`], in lower-case hex.
    pub fn digest(&self) -> &str {
        &self.compiled.digest
    }

    /// The component, also if a core module was loaded.
    pub fn bytes(&self) -> &[u8] {
        &self.compiled.bytes
    }

    /// The interfaces that it imports, with their versions.
    pub fn imports(&self) -> Vec<String> {
        file::interface(self.bytes()).0
    }

    /// The interfaces that it exports, with their versions.
    pub fn exports(&self) -> Vec<String> {
        file::interface(self.bytes()).1
    }

    pub fn description(&self) -> &Description {
        &self.description
    }

    /// The transform's name in the pipeline.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn compiled(&self) -> &Compiled {
        &self.compiled
    }

    /// What a chain runs: an instance, as [`Component::open`] makes it, or the rule that is linked
    /// in its place.
    pub fn rule(&self, config: &Value) -> Result<Box<dyn Transform>, SandboxError> {
        let opened = self.open(config)?;
        Ok(match self.compiled.shared.linked {
            Some(linked) => linked(&self.name, opened.plan(), config),
            None => Box::new(opened),
        })
    }

    /// Checks `config` against the component's schema, opens an instance with it and checks the
    /// plan.
    pub fn open(&self, config: &Value) -> Result<SandboxedTransform, SandboxError> {
        self.schema
            .check(config)
            .map_err(|why| SandboxError::Config {
                transform: self.name.to_string(),
                why: printable(&why, MESSAGE_MAX_BYTES),
            })?;
        SandboxedTransform::open(self.clone(), config.to_string())
    }
}
