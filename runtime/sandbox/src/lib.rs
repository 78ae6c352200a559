//! Components: rules in WebAssembly that can call nothing but `log`, and are limited in memory,
//! time and what they return. wasmtime is used nowhere else.
//!
//! In the order in which a rule meets them; each imports only from those above it:
//! - [`Limits`]: what a component may use; [`SandboxError`]: why one is not used at all;
//! - `host_state`: what the host holds for an instance, with its `log`, and
//!   [`Heard`], which keeps it for whoever tries a rule;
//! - `load`: from a [`file`] to code, by a [`compiler`] of its own process; what a component
//!   declares (its plan, the schema of its config), checked;
//! - `call`: the batch is laid out, an instance runs, and nothing that comes back is believed;
//! - [`Component`]: compiled and described; [`SandboxedTransform`]: opened with a config, as the
//!   chain sees it; [`Sandbox`]: where components are loaded;
//! - [`purity`]: what a component proves before anybody trusts it.

mod bindings;
mod call;
mod component;
#[cfg(feature = "fuzz")]
pub mod fuzzed;
mod heard;
mod host_state;
mod limits;
mod load;
mod log;
mod meter;
mod printable;
pub mod purity;
mod sandbox;
mod sandbox_error;
mod sandboxed_transform;
mod work_clock;

pub use call::description::Description;
pub use component::{Component, Linked};
pub use heard::{Heard, HeardLine};
pub use limits::Limits;
pub use load::{compiler, file};
pub use sandbox::Sandbox;
pub use sandbox_error::SandboxError;
pub use sandboxed_transform::SandboxedTransform;
