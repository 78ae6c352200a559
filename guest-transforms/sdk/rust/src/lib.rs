//! Write a gristmill transform in Rust.
//!
//! A transform is a pure function: it says which columns it reads and writes, and gets exactly
//! those. Most rules think in rows:
//!
//! ```
//! use gristmill_guest::{Reject, RowTransform};
//! use schemars::JsonSchema;
//! use serde::Deserialize;
//!
//! gristmill_guest::transform! {
//!     EnrichInitial
//!     reads User<'a> { name: Option<&'a str> }
//!     writes Initial { initial: Option<String> }
//! }
//!
//! /// Its config. A rule without one is declared as `struct EnrichInitial;` above.
//! #[derive(Deserialize, JsonSchema)]
//! #[serde(deny_unknown_fields)]
//! struct EnrichInitial {
//!     /// Stands after the letter.
//!     mark: String,
//! }
//!
//! impl RowTransform for EnrichInitial {
//!     fn row(&self, User { name }: User) -> Result<Initial, Reject> {
//!         let letter = name.and_then(|name| name.chars().next());
//!         Ok(Initial { initial: letter.map(|letter| format!("{letter}{}", self.mark)) })
//!     }
//! }
//! # fn main() {}
//! ```
//!
//! - [`transform!`] declares what is read, joined, written and rejected; [`RowTransform`] is the
//!   rule.
//! - [`Transform`] is for those who want columns, for speed or because the config names them: a
//!   [`Plan`], then a [`Batch`] in and an [`Output`] out.
//! - [`value`] lists the types of columns; null and absent are told apart where a rule asks for it.
//! - [`testing`] runs a rule natively, on rows as JSON: no WebAssembly is needed until the rule is
//!   right.
//! - [`log`] is the only thing a transform can call. A panic reaches the operator with its message,
//!   file and line.
//!
//! Name and version come from the crate's `Cargo.toml`, the summary from the first words of
//! `src/lib.rs`, `//! ..`, or else from the description in `Cargo.toml`, which says beside them:
//!
//! ```toml
//! [lib]
//! crate-type = ["cdylib", "rlib"]   # the component, and a library for its unit tests
//!
//! [dependencies]
//! gristmill-guest = "0.1"
//! schemars = "1"
//! serde = { version = "1", features = ["derive"] }
//! ```
//!
//! `gristmill transform new` makes such a crate, `gristmill transform build` its component.

#![warn(missing_docs)]

mod any;
mod batch;
mod cell;
mod column;
mod declare;
#[doc(hidden)]
pub mod export;
mod field;
mod layout;
pub mod log;
mod logical;
mod output;
mod plan;
mod row;
mod row_macros;
pub mod testing;
pub mod value;
#[doc(hidden)]
pub mod wit;

pub use any::{AnyColumn, Pick};
pub use batch::Batch;
pub use cell::Presence;
pub use column::Column;
pub use field::Field;
pub use layout::{Bits, Bytes, Text};
pub use logical::{Date, Decimal, Json, Numeric, TimeMs, TimeUs, TimestampMs, TimestampUs, Uuid};
pub use output::Output;
pub use plan::{Join, Plan, Roles};
pub use row::{Declared, ReadRow, Reject, RowTransform, WriteRow};

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A rule that thinks in columns, or whose config names them.
///
/// It says itself which of its values are absent, as an input is from which they would be made:
/// by [`Column::push_absent`], or by [`Output::values`] of [`Presence`]s. The host does not show it
/// a row in which all that it reads is absent.
///
/// ```
/// use gristmill_guest::{Batch, Column, Field, NoConfig, Output, Plan, Text, Transform};
///
/// /// Writes a name in capitals.
/// struct ShoutName;
///
/// gristmill_guest::transform!(ShoutName);
///
/// impl Transform for ShoutName {
///     type Config = NoConfig;
///
///     fn open(_: NoConfig) -> Result<Self, String> {
///         Ok(Self)
///     }
///
///     fn plan(&self) -> Plan {
///         Plan::new().read(Field::text("name")).write(Field::text("loud_name"))
///     }
///
///     fn apply(&self, batch: &Batch) -> Output {
///         let mut loud = Column::<Text>::with_capacity(batch.len());
///         for name in batch.text("name").iter() {
///             loud.push(name.map(str::to_uppercase).as_deref());
///         }
///         Output::new().column("loud_name", loud)
///     }
/// }
/// # fn main() {}
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a rule yet",
    note = "implement `RowTransform` for it, a function from row to row, or `Transform`, which \
            thinks in columns"
)]
pub trait Transform: Sized + 'static {
    /// Read from the pipeline's file. Its JSON Schema, with the fields' comments as descriptions,
    /// is what the host checks a config against before the component sees it. Refuse unknown
    /// keys (`#[serde(deny_unknown_fields)]`), so that a misspelt one is found.
    type Config: DeserializeOwned + JsonSchema;

    /// What the host may do for the rule before it opens it, by the names that `wit/transform.wit`
    /// has for it. Nothing, if not said otherwise.
    fn attributes() -> Vec<(String, String)> {
        Vec::new()
    }

    /// Called once, before the first batch. An error is shown to whoever starts the pipeline: say
    /// which key is wrong and what would do.
    fn open(config: Self::Config) -> Result<Self, String>;

    /// What the rule reads, joins, writes and may reject. Depends on the config alone.
    fn plan(&self) -> Plan;

    /// Runs the rule. The same rows give the same answer, whole or split into batches, in any
    /// order: keep nothing between calls. A panic stops the batch, and the host looks for the
    /// row that caused it; a row that cannot be used is better [rejected](Output::reject).
    fn apply(&self, batch: &Batch) -> Output;
}

/// The config of a rule that has nothing to configure: any key is refused.
///
/// ```
/// let refused = serde_json::from_str::<gristmill_guest::NoConfig>(r#"{"colour": "red"}"#);
/// assert!(refused.is_err());
/// ```
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoConfig {}
