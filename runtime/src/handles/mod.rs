//! What the partitions of a process work with: three handles by use, and one [`HostedPipeline`] for
//! each pipeline that holds them.
//!
//! - [`commits`]: where batches go, one for all pipelines of a process;
//! - [`fleet_view`]: which revision is to run, one a pipeline;
//! - [`kafka`]: where records come from, one a consumer.
//!
//! Nothing here is touched for a row.

pub mod commits;
pub mod fleet_view;
pub mod hosted_pipeline;
pub mod kafka;

pub use commits::Commits;
pub use fleet_view::FleetView;
pub use hosted_pipeline::HostedPipeline;
pub use kafka::Kafka;
