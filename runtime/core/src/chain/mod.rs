//! The CPU part of the walk: from raw records to rows ready for the sink.
//!
//! [`Chain::compute`] is the walk itself: decode, normalize ([`step`], with [`blame`] when a transform fails), judge the event times ([`judge`]), keep the newest
//! row of each key ([`crate::dedup`]), enrich those ([`enrich`]) and pick the target's columns ([`target`]). [`check`] proves beforehand that the plans fit.

mod blame;
mod check;
mod computed;
mod enrich;
mod fault;
mod judge;
mod spec;
mod step;
mod target;
mod walk;

pub use blame::CONVICTIONS_MAX;
pub use check::{PlanError, PlanProblem, check_plans, check_target};
pub use computed::{Computed, Counts, RowSource};
pub use fault::ChainFault;
pub use spec::{ChainSpec, Late, TimePolicy, Tombstone};
pub use walk::Chain;
