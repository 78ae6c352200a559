//! The CPU part of the walk: from raw records to rows ready for the sink.
//!
//! [`Chain::compute`] is the walk itself ([`walk`]): decode, [`normalize`], [`judge`] the event
//! times, keep the newest row of each key ([`crate::dedup`]), [`enrich`] those and pick the
//! [`target`]'s columns. A transform runs as a [`step`], with [`blame`] when it fails; until its
//! commit a batch is [`pending`]. [`check`] proves beforehand that the plans fit; [`hand_over`]
//! carries what was learned from one revision's chain to the next.

mod blame;
mod check;
mod computed;
mod enrich;
mod fault;
mod hand_over;
mod judge;
mod normalize;
mod pending;
mod spec;
mod step;
mod target;
mod walk;

pub use blame::CONVICTIONS_MAX;
pub use check::{PlanError, PlanProblem, check_plans, check_target};
pub use computed::{Computed, Counts, Moment, RowSource};
pub use fault::{ChainFault, Uncomputed};
pub use spec::{ChainSpec, Late, TimePolicy, Tombstone};
pub use walk::Chain;
