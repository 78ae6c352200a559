//! What the partitions of a process work with: handles by use, and one [`HostedPipeline`] for
//! each pipeline that holds them.
//!
//! - [`commits`]: where batches go, one for all pipelines of a database;
//! - [`fleet_view`]: which revision is to run, one a pipeline;
//! - [`hosted_database`]: a database, with the pipelines that write to it;
//! - [`kafka`]: where records come from, one a consumer;
//! - [`letter_log`]: dead letters in the log, one a pipeline;
//! - [`metrics`]: numbers for Prometheus, one for all pipelines of a process;
//! - `partition_log`: a line in the log about a partition;
//! - [`pipelines`]: those of a file or a database, as they come;
//! - [`replay`]: the way of dead letters back, one a file;
//! - [`reservations`]: names and tables that are taken, one a database;
//! - [`standing`]: what each partition is doing, one a pipeline.
//!
//! Nothing here is touched for a row.

pub mod commits;
pub mod fleet_view;
pub mod hosted_database;
pub mod hosted_pipeline;
pub mod kafka;
pub mod letter_log;
pub mod metrics;
pub(crate) mod partition_log;
pub mod pipelines;
pub mod replay;
pub mod reservations;
pub mod standing;

pub use commits::Commits;
pub use fleet_view::FleetView;
pub use hosted_database::HostedDatabase;
pub use hosted_pipeline::HostedPipeline;
pub use kafka::Kafka;
pub use letter_log::LetterLog;
pub use metrics::Metrics;
pub use pipelines::Pipelines;
pub use replay::Replay;
pub use standing::Standings;
