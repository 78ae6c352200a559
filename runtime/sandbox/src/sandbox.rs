//! Where components are loaded.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use gristmill_core::digest::sha256;

use crate::component::{Component, Linked};
use crate::heard::Heard;
use crate::limits::Limits;
use crate::load::compiled::Compiled;
use crate::load::compiler::Compiler;
use crate::load::file;
use crate::load::toolchain::Toolchain;
use crate::sandbox_error::SandboxError;

/// The engines, the clock that stops runaways and the compiled components. Cheap to clone.
#[derive(Clone)]
pub struct Sandbox {
    shelf: Arc<Shelf>,
    heard: Option<Heard>,
}

struct Shelf {
    toolchain: Arc<Toolchain>,
    linked: Option<Linked>,
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

    /// A sandbox as [`Sandbox::new`] makes it, whose components are compiled by a process of their
    /// own, under limits: this program once more, which must be gristmill's.
    pub fn compiling_apart(cache: Option<&Path>) -> Result<Self, SandboxError> {
        Self::with(cache, Compiler::Child, None)
    }

    /// A sandbox as [`Sandbox::new`] makes it, in which rules that are compiled into this process
    /// run in the components' place: what the sandbox costs is measured against them.
    pub fn linked(cache: Option<&Path>, rules: Linked) -> Result<Self, SandboxError> {
        Self::with(cache, Compiler::Here, Some(rules))
    }

    fn with(
        cache: Option<&Path>,
        compiler: Compiler,
        linked: Option<Linked>,
    ) -> Result<Self, SandboxError> {
        let toolchain = Toolchain::start(cache, compiler)?;
        Ok(Self {
            shelf: Arc::new(Shelf {
                toolchain: Arc::new(toolchain),
                linked,
                compiled: Mutex::default(),
            }),
            heard: None,
        })
    }

    /// This sandbox, and what the rules log that are loaded from here on: it is kept there, and in
    /// no log of the host's.
    pub fn listening(&self) -> (Self, Heard) {
        let heard = Heard::default();
        let listening = Self {
            shelf: Arc::clone(&self.shelf),
            heard: Some(heard.clone()),
        };
        (listening, heard)
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
        let heard = self.heard.clone();
        Component::describe(name, compiled, limits, self.shelf.linked, heard)
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
            .shelf
            .compiled
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = compiled.get(digest).and_then(Weak::upgrade) {
            return Ok(known);
        }
        let fresh = Arc::new(Compiled::new(
            name,
            digest,
            bytes,
            self.shelf.toolchain.clone(),
        )?);
        fresh.prepare_metered();
        compiled.retain(|_, known| known.strong_count() > 0);
        compiled.insert(digest.to_owned(), Arc::downgrade(&fresh));
        Ok(fresh)
    }
}
