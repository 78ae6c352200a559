//! One transform in its place in the chain.

use std::sync::Arc;

use crate::column::{Batch, Column, Field};
use crate::dead_letter::{DeadLetter, Stage};
use crate::dimension::{Dimension, Dimensions};
use crate::transform::{Fault, Rejection, Transform};

use super::RowSource;
use super::convict::{self, Applied};
use super::uncomputed::ChainFault;

/// A transform, and where each column of its input comes from.
pub(super) struct Step {
    pub(super) transform: Box<dyn Transform>,
    /// Positions among the columns there are when its turn comes.
    reads: Vec<usize>,
    joins: Vec<Lookup>,
    fields: Arc<[Field]>,
    pub(super) writes: Arc<[Field]>,
    /// Rows convicted in the current batch.
    convictions: usize,
}

struct Lookup {
    dimension: Arc<Dimension>,
    on: Vec<usize>,
    take: Vec<Field>,
}

impl Step {
    /// `None` when a column or dimension is missing: [`super::check_plans`] says which.
    pub(super) fn new(
        transform: Box<dyn Transform>,
        available: &[Field],
        dimensions: &Dimensions,
    ) -> Option<Self> {
        let plan = transform.plan();
        let find = |name: &String| available.iter().position(|f| f.name == *name);
        let reads = plan
            .reads
            .iter()
            .map(|f| find(&f.name))
            .collect::<Option<_>>()?;
        let joins = plan.joins.iter().map(|join| {
            Some(Lookup {
                dimension: dimensions.get(&join.dimension)?.clone(),
                on: join.on.iter().map(find).collect::<Option<_>>()?,
                take: join.take.clone(),
            })
        });
        let joins = joins.collect::<Option<_>>()?;
        let fields = plan.input_fields().cloned().collect();
        let writes = plan.writes.as_slice().into();
        Some(Self {
            transform,
            reads,
            joins,
            fields,
            writes,
            convictions: 0,
        })
    }

    /// A new batch begins: forgets the convictions of the last one.
    pub(super) fn begin(&mut self) {
        self.transform.begin_batch();
        self.convictions = 0;
    }

    /// Shows the transform the columns it declared, and nothing else.
    pub(super) fn apply(
        &mut self,
        available: &[Column],
        rows: usize,
    ) -> Result<Applied, ChainFault> {
        let mut columns: Vec<Column> = self.reads.iter().map(|&p| available[p].clone()).collect();
        for join in &self.joins {
            let on: Vec<&Column> = join.on.iter().map(|&p| &available[p]).collect();
            let matches = join.dimension.lookup(&on, rows);
            columns.extend(join.dimension.take(&matches, &join.take));
        }
        let input = Batch {
            rows,
            fields: self.fields.clone(),
            columns,
        };
        convict::apply(self.transform.as_mut(), &input, &mut self.convictions)
    }

    pub(super) fn rejected(&self, rejection: Rejection, record: u32, ordinal: u32) -> DeadLetter {
        let stage = Stage::Transform(self.transform.name().to_owned());
        DeadLetter {
            record,
            ordinal,
            stage,
            code: rejection.code,
            message: rejection.message,
        }
    }

    pub(super) fn convicted(&self, fault: &Fault, record: u32, ordinal: u32) -> DeadLetter {
        let stage = Stage::Transform(self.transform.name().to_owned());
        let code = fault.row_code().unwrap_or_default().to_owned();
        DeadLetter {
            record,
            ordinal,
            stage,
            code,
            message: fault.to_string(),
        }
    }
}

/// The ordinal of a dead letter about one output row of a record.
pub(super) fn ordinal(source: RowSource) -> u32 {
    source.rank + 1
}
