//! Event time, watermark, and the newest version of each key.
//!
//! A batch's rows get [`Versions`]; [`Watermark`] judges their times in offset order;
//! [`Candidates`] keeps the newest of each key with its losers behind it; [`State`] knows what
//! earlier batches committed. All of it may forget: the guard in the upsert decides, the state only
//! saves the work of asking it.

mod cache;
mod candidates;
mod compact;
mod pack;
mod shards;
mod state;
mod version;
mod watermark;

pub use candidates::{Candidates, StepsBack};
pub use state::State;
pub use version::{Keys, Version, VersionColumns, Versions};
pub use watermark::Watermark;
