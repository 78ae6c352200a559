//! Write a gristmill transform in Rust.
//!
//! A transform is a pure function from a batch of rows to columns. It says what it reads and what it writes ([`Plan`]), and gets exactly that:
//!
//! ```
//! use gristmill_guest::{Batch, Column, Field, NoConfig, Output, Plan, Text, Transform};
//!
//! /// Writes a name in capitals.
//! struct ShoutName;
//!
//! impl Transform for ShoutName {
//!     type Config = NoConfig;
//!     const CONFIG_SCHEMA: &str = NoConfig::SCHEMA;
//!
//!     fn open(_: NoConfig) -> Result<Self, String> {
//!         Ok(Self)
//!     }
//!
//!     fn plan(&self) -> Plan {
//!         Plan::new().read(Field::text("name")).write(Field::text("loud_name"))
//!     }
//!
//!     fn apply(&self, batch: &Batch) -> Output {
//!         let mut loud = Column::<Text>::with_capacity(batch.rows());
//!         for name in batch.text("name") {
//!             loud.push(name.map(str::to_uppercase).as_deref());
//!         }
//!         Output::new().column("loud_name", loud)
//!     }
//! }
//!
//! gristmill_guest::transform!(ShoutName);
//! # fn main() {}
//! ```
//!
//! Name, version and summary come from the crate's `Cargo.toml`, which says beside them:
//!
//! ```toml
//! [lib]
//! crate-type = ["cdylib", "rlib"]   # the component, and a library for its unit tests
//! ```
//!
//! `cargo build --release --target wasm32-unknown-unknown` leaves a module that the host takes as it is. Unit tests run natively, with [`testing`].
//!
//! - [`plan`]: fields, joins, roles;
//! - [`batch`] and [`column`]: values in, values out, absent and null told apart; [`any`] where the config names the columns;
//! - [`output`]: what a rule answers, with rows dropped, split or rejected;
//! - [`log`]: the only thing a transform can call.

#![warn(missing_docs)]

pub mod any;
pub mod batch;
pub mod column;
pub mod export;
mod layout;
pub mod log;
pub mod output;
pub mod plan;
pub mod testing;
#[doc(hidden)]
pub mod wit;

pub use any::{AnyColumn, Pick};
pub use batch::Batch;
pub use column::Column;
pub use layout::{Bits, Bytes, Layout, Text};
pub use output::Output;
pub use plan::{Field, Join, Plan, Roles};

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A rule: what it reads and writes, and what it makes of a batch.
pub trait Transform: Sized + 'static {
    /// Read from the pipeline's file. Refuse unknown keys (`#[serde(deny_unknown_fields)]`), so that a misspelt one is found.
    type Config: DeserializeOwned;

    /// JSON Schema of [`Transform::Config`]; the host checks the config against it before the component sees it.
    const CONFIG_SCHEMA: &'static str;

    /// Called once, before the first batch. An error is shown to whoever starts the pipeline: say which key is wrong and what would do.
    fn open(config: Self::Config) -> Result<Self, String>;

    /// What the rule reads, joins, writes and may reject. Depends on the config alone.
    fn plan(&self) -> Plan;

    /// Runs the rule. The same rows give the same answer, whole or split into batches, in any order: keep nothing between calls.
    /// A panic stops the batch, and the host looks for the row that caused it; a row that cannot be used is better [rejected](Output::reject).
    fn apply(&self, batch: &Batch) -> Output;
}

/// The config of a rule that has nothing to configure.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoConfig {}

impl NoConfig {
    /// Allows the empty object only.
    pub const SCHEMA: &'static str = r#"{"type":"object","additionalProperties":false}"#;
}

/// Makes `$rule`, which implements [`Transform`], the component's rule. Once in a crate.
#[macro_export]
macro_rules! transform {
    ($rule:ty) => {
        const _: () = {
            struct Component;

            ::std::thread_local! {
                static RULE: $crate::export::Slot<$rule> = const { $crate::export::Slot::new() };
            }

            impl $crate::export::Guest for Component {
                fn describe() -> $crate::export::Description {
                    $crate::export::describe::<$rule>(
                        env!("CARGO_PKG_NAME"),
                        env!("CARGO_PKG_VERSION"),
                        env!("CARGO_PKG_DESCRIPTION"),
                    )
                }

                fn open(
                    config: ::std::string::String,
                ) -> Result<$crate::Plan, ::std::string::String> {
                    RULE.with(|rule| rule.open(&config))
                }

                fn apply(
                    batch: $crate::export::WireBatch,
                ) -> Result<$crate::export::WireOutput, ::std::string::String> {
                    RULE.with(|rule| rule.apply(batch))
                }
            }

            #[cfg(target_arch = "wasm32")]
            $crate::wit::export! { Component with_types_in $crate::wit }

            // Natively nothing is exported: the rule is there for its tests, and counts as used.
            #[cfg(not(target_arch = "wasm32"))]
            const _: fn(
                <$rule as $crate::Transform>::Config,
            ) -> Result<$rule, ::std::string::String> = <$rule as $crate::Transform>::open;
        };
    };
}
