//! One transform in its place in the chain.

use std::sync::Arc;

use arrow_array::new_null_array;
use arrow_buffer::BooleanBuffer;

use crate::column::{Batch, Column, Field};
use crate::dead_letter::{DeadLetter, Stage};
use crate::dimension::{Dimension, Dimensions};
use crate::transform::{Fault, Rejection, Transform};

use super::RowSource;
use super::convict::{self, Applied};
use super::uncomputed::ChainFault;
use super::unshown;

/// A transform, and where each column of its input comes from.
pub(super) struct Step {
    pub(super) transform: Box<dyn Transform>,
    /// Positions among the columns there are when its turn comes.
    reads: Vec<usize>,
    joins: Vec<Lookup>,
    /// Of `reads` and what is joined on those that are no part of a row's key, which never changes.
    heeds: Vec<usize>,
    fields: Arc<[Field]>,
    pub(super) writes: Arc<[Field]>,
    /// Rows convicted in the current batch.
    pub(super) convictions: usize,
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
        key: &[String],
    ) -> Option<Self> {
        let plan = transform.plan();
        let find = |name: &String| available.iter().position(|f| f.name == *name);
        let reads = plan.reads.iter().map(|f| find(&f.name));
        let reads = reads.collect::<Option<Vec<_>>>()?;
        let joins = plan.joins.iter().map(|join| {
            Some(Lookup {
                dimension: dimensions.get(&join.dimension)?.clone(),
                on: join.on.iter().map(find).collect::<Option<_>>()?,
                take: join.take.clone(),
            })
        });
        let joins = joins.collect::<Option<Vec<_>>>()?;
        let asked = joins.iter().flat_map(|join: &Lookup| &join.on);
        let asked = reads.iter().chain(asked).copied();
        let heeds = asked.filter(|&p| !key.contains(&available[p].name));
        let heeds = heeds.collect();
        let fields = plan.input_fields().cloned().collect();
        let writes = plan.writes.as_slice().into();
        Some(Self {
            transform,
            reads,
            joins,
            heeds,
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

    /// Where what its answer depends on comes from, but for the key.
    pub(super) fn heeds(&self) -> impl Iterator<Item = usize> {
        self.heeds.iter().copied()
    }

    /// Shows the transform the columns that it declared, and nothing else.
    pub(super) fn apply(
        &mut self,
        available: &[Column],
        rows: usize,
    ) -> Result<Applied, ChainFault> {
        let input = self.input(available, rows);
        convict::apply(self.transform.as_mut(), &input, &mut self.convictions)
    }

    /// As [`Step::apply`] for an enricher, but of the rows it sees `shown` alone; its answer about
    /// the others is absent.
    pub(super) fn apply_to(
        &mut self,
        shown: &[u32],
        available: &[Column],
        rows: usize,
    ) -> Result<Applied, ChainFault> {
        let input = self.input(available, rows).take(shown);
        let applied = convict::apply(self.transform.as_mut(), &input, &mut self.convictions)?;
        Ok(unshown::put_between(applied, shown, rows))
    }

    /// Its answer about rows that it does not see.
    pub(super) fn unasked(&self, rows: usize) -> impl Iterator<Item = Column> {
        self.writes.iter().map(move |field| Column {
            values: new_null_array(&field.logical_type.data_type(), rows),
            presence: Some(BooleanBuffer::new_unset(rows)),
        })
    }

    /// The rows to show to an enricher: those of which it heeds any cell that is present, and which
    /// `leave_out` does not name. `None`: all.
    pub(super) fn shown(
        &self,
        available: &[Column],
        rows: usize,
        leave_out: Option<&dyn Fn(u32) -> bool>,
    ) -> Option<Vec<u32>> {
        let heeds = (!self.heeds.is_empty()).then_some(&self.heeds);
        let heard = heeds.and_then(|heeds| any_present(heeds, available));
        if heard.is_none() && leave_out.is_none() {
            return None;
        }
        let is_shown = |&row: &u32| {
            heard.as_ref().is_none_or(|bits| bits.value(row as usize))
                && !leave_out.is_some_and(|is_left_out| is_left_out(row))
        };
        let shown: Vec<u32> = (0..rows as u32).filter(is_shown).collect();
        (shown.len() < rows).then_some(shown)
    }

    fn input(&self, available: &[Column], rows: usize) -> Batch {
        let mut columns: Vec<Column> = self.reads.iter().map(|&p| available[p].clone()).collect();
        for join in &self.joins {
            let on: Vec<&Column> = join.on.iter().map(|&p| &available[p]).collect();
            let matches = join.dimension.lookup(&on, rows);
            // Who does not know what to look up does not know what would be found.
            let presence = on.iter().filter_map(|column| column.presence.clone());
            let presence = presence.reduce(|a, b| &a & &b);
            let taken = join.dimension.take(&matches, &join.take).into_iter();
            columns.extend(taken.map(|column| Column {
                presence: presence.clone(),
                ..column
            }));
        }
        Batch {
            rows,
            fields: self.fields.clone(),
            columns,
        }
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

/// The rows of which a cell of these columns is present. `None`: all.
pub(super) fn any_present(columns: &[usize], available: &[Column]) -> Option<BooleanBuffer> {
    let presence = columns.iter().map(|&c| available[c].presence.as_ref());
    let presence = presence.collect::<Option<Vec<_>>>()?;
    presence.into_iter().cloned().reduce(|a, b| &a | &b)
}

/// The ordinal of a dead letter about one output row of a record.
pub(super) fn ordinal(source: RowSource) -> u32 {
    source.rank + 1
}
