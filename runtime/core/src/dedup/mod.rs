//! Event time, watermark, and the newest version of each key.
//!
//! A batch's rows get [`Versions`]; [`Watermark`] judges their times in offset order;
//! [`Candidates`] keeps the newest of each key with its losers behind it; [`State`] knows what
//! earlier batches committed. All of it may forget: the guard in the upsert decides, the state only
//! saves the work of asking it. [`Guard`] says what that compares, and [`VersionLayout`] packs the
//! versions that a table keeps.

mod cache;
mod candidates;
mod compact;
mod guard;
mod pack;
mod shards;
mod state;
mod stored_version;
mod version;
mod version_kind;
mod watermark;

pub use candidates::{Candidates, StepsBack};
pub use guard::Guard;
pub(crate) use pack::Packed;
pub use state::State;
pub use stored_version::{RecordPlace, StoredVersions, VersionLayout};
pub use version::{Keys, Version, VersionColumns, Versions};
pub use version_kind::{VersionKind, VersionRule};
pub use watermark::Watermark;
