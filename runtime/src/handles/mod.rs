//! What the partitions of a process work with: handles by use, and one [`HostedPipeline`] for
//! each pipeline that holds them.
//!
//! - [`commits`]: where batches go, one for all pipelines of a process;
//! - [`fleet_view`]: which revision is to run, one a pipeline;
//! - [`kafka`]: where records come from, one a consumer;
//! - [`letter_log`]: dead letters in the log, one a pipeline;
//! - [`metrics`]: numbers for Prometheus, one for all pipelines of a process;
//! - `partition_log`: a line in the log about a partition;
//! - [`standing`]: what each partition is doing, one a pipeline.
//!
//! Nothing here is touched for a row.

pub mod commits;
pub mod fleet_view;
pub mod hosted_pipeline;
pub mod kafka;
pub mod letter_log;
pub mod metrics;
pub(crate) mod partition_log;
pub mod standing;

pub use commits::Commits;
pub use fleet_view::FleetView;
pub use hosted_pipeline::HostedPipeline;
pub use kafka::Kafka;
pub use letter_log::LetterLog;
pub use metrics::Metrics;
pub use standing::Standings;
