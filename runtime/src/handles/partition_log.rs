//! A line in the log about a partition, with its names as fields of their own.

/// Logs at `level` about `partition` of `pipeline`, a [`HostedPipeline`](super::HostedPipeline).
macro_rules! log_partition {
    ($level:ident, $pipeline:expr, $partition:expr, $($rest:tt)+) => {
        tracing::$level!(
            pipeline = $pipeline.name(),
            topic = &*$partition.topic,
            partition = $partition.partition,
            $($rest)+
        )
    };
}

pub(crate) use log_partition;
