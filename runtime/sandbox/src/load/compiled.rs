//! The code of a component, for both engines.

use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use crate::bindings::TransformPre;
use crate::host_state::HostState;
use crate::load::compiler::NotCompiled;
use crate::load::engine;
use crate::load::toolchain::Toolchain;
use crate::meter::Meter;
use crate::printable::{MESSAGE_MAX_BYTES, printable};
use crate::sandbox_error::SandboxError;

/// A component's code, shared by everybody who uses its digest.
pub(crate) struct Compiled {
    digest: String,
    bytes: Vec<u8>,
    fast: TransformPre<HostState>,
    /// The error is its sentence: it is told to everybody who asks.
    metered: OnceLock<Result<TransformPre<HostState>, String>>,
    /// Who compiles it beside everything else.
    preparing: OnceLock<JoinHandle<()>>,
    toolchain: Arc<Toolchain>,
}

/// From this size on a component is said to be compiled. 1 MiB takes a second or two; rules in Rust
/// and C are below.
const SAID_MIN_BYTES: usize = 1 << 20;

/// Says what is waited for.
fn tell_of_size(transform: &str, bytes: usize) {
    if bytes >= SAID_MIN_BYTES {
        tracing::info!(
            transform,
            bytes,
            "transform `{transform}`: compiling its component of {:.1} MiB, which takes seconds; \
             the code is kept, so it is done once",
            bytes as f64 / (1 << 20) as f64
        );
    }
}

impl Compiled {
    pub(crate) fn new(
        transform: &str,
        digest: &str,
        bytes: Vec<u8>,
        toolchain: Arc<Toolchain>,
    ) -> Result<Self, SandboxError> {
        let fast = toolchain
            .compile(Meter::Clock, digest, &bytes, || {
                tell_of_size(transform, bytes.len());
            })
            .map_err(|e| match e {
                NotCompiled::BeyondLimit(why) => SandboxError::refused(transform, why),
                NotCompiled::Host(why) => SandboxError::Compiler {
                    transform: transform.to_owned(),
                    why: printable(&why, MESSAGE_MAX_BYTES),
                },
                NotCompiled::Refused(e) => {
                    let why = engine::beyond_the_pool(&e).unwrap_or_else(|| {
                        "the engine does not take the component: check it with `wasm-tools \
                         validate`, and build it without unusual WebAssembly features"
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
            preparing: OnceLock::new(),
            toolchain,
        })
    }

    pub(crate) fn digest(&self) -> &str {
        &self.digest
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The code for the engine that `meter` needs, or why it does not compile. Waits for a
    /// compilation that is under way.
    pub(crate) fn code(&self, meter: Meter) -> Result<&TransformPre<HostState>, &str> {
        match meter {
            Meter::Clock => Ok(&self.fast),
            Meter::Fuel => self.metered().as_ref().map_err(String::as_str),
        }
    }

    /// Whether the code for the metered engine is there, or nobody compiles it: then who needs it
    /// does.
    pub(crate) fn is_metered_known(&self) -> bool {
        self.metered.get().is_some() || self.preparing.get().is_none_or(JoinHandle::is_finished)
    }

    fn metered(&self) -> &Result<TransformPre<HostState>, String> {
        self.metered.get_or_init(|| {
            let compiled = self
                .toolchain
                .compile(Meter::Fuel, &self.digest, &self.bytes, || {});
            compiled.map_err(|e| {
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
        let preparing = preparing.spawn(move || {
            let _ = compiled.metered();
        });
        match preparing {
            Ok(preparing) => {
                let _ = self.preparing.set(preparing);
            }
            Err(error) => tracing::debug!(
                error = &error as &dyn std::error::Error,
                "no thread to compile in: it is done when it is needed"
            ),
        }
    }
}
