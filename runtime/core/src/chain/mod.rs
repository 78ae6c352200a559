//! The CPU part of the walk: from raw records to rows ready for the sink.
//!
//! [`Chain::compute`] is the walk itself ([`walk`]): decode, [`normalize`], give new keys what they
//! had under the old ones ([`key_changes`]), [`judge`] the event times, keep the newest row of each
//! key ([`crate::dedup`]) and the older ones that have what it lacks ([`donors`]), [`enrich`]
//! those, pick the target's columns ([`target_columns`]) and put the rows into layers
//! ([`layering`]), which a replay [`fold`]s. What nobody knows of rows once some are dead letters
//! is in [`lost_cells`], and in [`unread`] for what was not read. A transform runs as a [`step`],
//! and its failing rows are found by [`convict`]; until its commit a batch is [`pending`].
//! [`check`] proves beforehand that the plans fit; [`hand_over`] carries what was learned from one
//! revision's chain to the next.

mod cells;
mod chain_spec;
mod check;
mod computed;
mod convict;
mod donors;
mod enrich;
mod fold;
mod hand_over;
mod identity;
mod judge;
mod key_changes;
mod key_rows;
mod layer;
mod layering;
mod lost_cells;
mod normalize;
mod pending;
mod read_back;
mod source_columns;
mod step;
mod target_columns;
mod truncates;
mod uncomputed;
mod unread;
mod unshown;
mod walk;
mod wanted_cells;

pub use crate::decode::Tombstone;
pub use chain_spec::{ChainSpec, Delete, Late, TimePolicy, Truncate};
pub use check::{PlanError, PlanProblem, check_plans, check_target, wrong_takes};
pub use computed::{Computed, Counts, Earlier, KeysRead, Moment, StepsBackAt};
pub use convict::CONVICTIONS_MAX;
pub use layer::{Layer, RowSource};
pub use source_columns::SourceColumns;
pub use uncomputed::{ChainFault, Uncomputed};
pub use walk::Chain;
pub use wanted_cells::{HeldRows, PreviousRows, WantedCells};
