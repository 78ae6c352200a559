//! Components: rules in WebAssembly that can call nothing but `log`, and are limited in memory,
//! time and what they return.
//!
//! - [`Sandbox`] holds the engines; [`Sandbox::load`] makes a [`Component`] of a file ([`file`]
//!   says why not);
//! - [`Component::open`] checks the config and the plan ([`plan`]) and gives a
//!   [`SandboxedTransform`];
//! - its `apply` lays the batch out ([`lower`]), calls an [`instance`] and believes nothing that
//!   comes back ([`answer`]).

mod bindings;
mod call;
mod error;
mod limits;
mod load;
pub mod purity;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

pub use call::transform::SandboxedTransform;
pub use error::SandboxError;
pub use limits::Limits;
pub use load::component::{Component, Description};
pub use load::{compile, file};

use gristmill_core::plan::Plan;
use gristmill_core::transform::Transform;
use serde_json::Value;

use load::cache::Cache;
use load::compile::Compiler;
use load::component::Compiled;
use load::engine::Engines;

use gristmill_core::digest::sha256;

/// The engines, the clock that stops runaways and the compiled components. Cheap to clone.
#[derive(Clone)]
pub struct Sandbox {
    shared: Arc<Shared>,
}

/// Makes the rule that runs in a component's place, of the transform's name, what the component
/// declared, and the config.
pub type Linked = fn(&str, &Plan, &Value) -> Box<dyn Transform>;

struct Shared {
    engines: Engines,
    linked: Option<Linked>,
    cache: Option<Cache>,
    compiler: Compiler,
    /// One compiled component per digest, for as long as somebody uses it.
    compiled: Mutex<HashMap<String, Weak<Compiled>>>,
}

impl Sandbox {
    /// Starts the engines. `cache` is a folder for compiled components, made with mode 0700 if it
    /// is missing; one that others can write is refused, because what lies there is run as it
    /// is. `None`: every start compiles again (about 0.1 s a component in Rust or C, seconds for a
    /// script language).
    ///
    /// Components are compiled by this process, and nothing limits what that takes: for components
    /// that are trusted so far.
    pub fn new(cache: Option<&Path>) -> Result<Self, SandboxError> {
        Self::with(cache, Compiler::Here, None)
    }

    /// The same, but each is compiled by a process of its own, under limits: this program once
    /// more, which must be gristmill's.
    pub fn compiling_apart(cache: Option<&Path>) -> Result<Self, SandboxError> {
        Self::with(cache, Compiler::Child, None)
    }

    /// [`Sandbox::new`], but rules that are compiled into this process run in the components'
    /// place: what the sandbox costs is measured against them.
    pub fn linked(cache: Option<&Path>, rules: Linked) -> Result<Self, SandboxError> {
        Self::with(cache, Compiler::Here, Some(rules))
    }

    fn with(
        cache: Option<&Path>,
        compiler: Compiler,
        linked: Option<Linked>,
    ) -> Result<Self, SandboxError> {
        let cache = cache.map(Cache::open).transpose()?;
        let engines = Engines::start()?;
        Ok(Self {
            shared: Arc::new(Shared {
                engines,
                linked,
                cache,
                compiler,
                compiled: Mutex::default(),
            }),
        })
    }

    /// Compiles a component and asks it to describe itself. Blocks while it compiles: off the data
    /// path.
    ///
    /// `bytes` is a component, or the core module that a compiler leaves with wit-bindgen's custom
    /// section, which becomes a component here. `name` is the transform's in the pipeline, for
    /// messages. Refuses, in one sentence that says what to do, what is not WebAssembly, is cut
    /// off, imports anything but `log`, or does not export this host's version of `rule`.
    pub fn load(
        &self,
        name: &str,
        bytes: &[u8],
        limits: &Limits,
    ) -> Result<Component, SandboxError> {
        let bytes = file::componentize(name, bytes)?;
        let digest = sha256(&bytes);
        let compiled = self.compile(name, &digest, bytes)?;
        Component::describe(name, compiled, limits)
    }

    fn compile(
        &self,
        name: &str,
        digest: &str,
        bytes: Vec<u8>,
    ) -> Result<Arc<Compiled>, SandboxError> {
        // Held while compiling: two transforms with the same component must not compile it twice,
        // and nothing on the data path waits here.
        let mut compiled = self
            .shared
            .compiled
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = compiled.get(digest).and_then(Weak::upgrade) {
            return Ok(known);
        }
        let fresh = Arc::new(Compiled::new(name, digest, bytes, self.shared.clone())?);
        fresh.prepare_metered();
        compiled.retain(|_, known| known.strong_count() > 0);
        compiled.insert(digest.to_owned(), Arc::downgrade(&fresh));
        Ok(fresh)
    }
}
