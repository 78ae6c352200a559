//! Why a batch cannot be computed at all.

use crate::decode::{SchemaMismatch, Unreadiness, WantedSchema};
use crate::record::Records;
use crate::transform::Fault;

use super::Moment;

/// A component or plan is at fault, no row is, or a person must decide: the partition halts until a
/// person acts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    /// It returned what its plan or the interface forbids.
    #[error("transform `{transform}` broke its plan: fix the component or roll it back")]
    Lied {
        transform: String,
        #[source]
        fault: Fault,
    },
    /// More rows of one batch failed alone than data can be blamed for.
    #[error(
        "transform `{transform}` failed on more than {rows_max} rows of one batch: the component \
         is at fault, not the data; fix it or roll it back"
    )]
    TooManyRows {
        transform: String,
        rows_max: usize,
        /// The fault of the last row.
        #[source]
        fault: Fault,
    },
    /// An enricher neither returned nor rejected a row, or did both.
    #[error(
        "transform `{transform}` got {input} rows, returned {returned} and rejected {rejected}: \
         an enricher must do exactly one of both with each row"
    )]
    RowsMissing {
        transform: String,
        input: usize,
        returned: usize,
        rejected: usize,
    },
    /// The source table was emptied, and nobody has said what that means for the target.
    #[error(
        "at offset {offset} of partition {partition} of `{topic}` the source table was truncated: \
         set `truncate` in [target] to \"apply\", which deletes what the target has from before, \
         or to \"ignore\""
    )]
    SourceTruncated {
        topic: String,
        partition: i32,
        offset: i64,
    },
    /// A schema does not fit the reads.
    #[error(transparent)]
    Schema(#[from] SchemaMismatch),
    /// Nobody told schemas before the batch was to be computed.
    #[error("nobody has told {} of the schemas that records name", .0.len())]
    SchemasNotTold(Vec<WantedSchema>),
    /// Postgres is said to have refused a row that this batch does not have.
    #[error("there is no row {ordinal} of record {record} in the batch to leave out")]
    NoSuchRow { record: u32, ordinal: u32 },
}

impl ChainFault {
    pub(super) fn of_schemas(because: Unreadiness) -> Self {
        match because {
            Unreadiness::Mismatch(mismatch) => Self::Schema(mismatch),
            Unreadiness::Missing(wanted) => Self::SchemasNotTold(wanted),
        }
    }
}

/// A batch that could not be computed.
#[derive(Debug)]
pub struct Uncomputed {
    /// What was to be computed, given back.
    pub records: Box<Records>,
    pub moment: Moment,
    pub fault: Box<ChainFault>,
}
