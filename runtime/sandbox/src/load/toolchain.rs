//! From bytes to code that can be instantiated: the engines, the compiler, and what it has left.

use std::path::Path;

use wasmtime::Engine;
use wasmtime::component::{Component as Code, HasSelf, Linker};

use crate::bindings::TransformPre;
use crate::bindings::gristmill::transform::types;
use crate::host_state::{self, HostState};
use crate::load::compiled_cache::{self, CompiledCache};
use crate::load::compiler::{Compiler, NotCompiled};
use crate::load::engine::Engines;
use crate::load::file::LOG;
use crate::meter::Meter;
use crate::sandbox_error::SandboxError;

/// What every component of a sandbox is compiled with.
pub(crate) struct Toolchain {
    engines: Engines,
    cache: Option<CompiledCache>,
    compiler: Compiler,
}

impl Toolchain {
    pub(crate) fn start(cache: Option<&Path>, compiler: Compiler) -> Result<Self, SandboxError> {
        let cache = cache.map(CompiledCache::open).transpose()?;
        let engines = Engines::start()?;
        Ok(Self {
            engines,
            cache,
            compiler,
        })
    }

    /// The code of the component `bytes`, whose digest is `digest`, for the engine that `meter`
    /// needs. `begins` hears that it has to be compiled.
    pub(crate) fn compile(
        &self,
        meter: Meter,
        digest: &str,
        bytes: &[u8],
        begins: impl Fn(),
    ) -> Result<TransformPre<HostState>, NotCompiled> {
        let engine = self.engines.of(meter);
        let compile = || {
            begins();
            self.compiler.compile(engine, meter, bytes)
        };
        let code = match &self.cache {
            Some(cache) => cache.compiled(engine, digest, compile)?,
            None => compiled_cache::load_bytes(engine, &compile()?)?,
        };
        link(engine, &code).map_err(NotCompiled::Refused)
    }
}

fn link(engine: &Engine, code: &Code) -> wasmtime::Result<TransformPre<HostState>> {
    let mut linker = Linker::new(engine);
    types::add_to_linker::<_, HasSelf<HostState>>(&mut linker, |state| state)?;
    linker
        .instance(LOG)?
        .func_wrap("write", host_state::write)?;
    TransformPre::new(linker.instantiate_pre(code)?)
}
