//! Finding the rows that make a transform fail.

use crate::column::{Batch, Column};
use crate::transform::{Fault, Output, Transform};

use super::uncomputed::ChainFault;

/// Rows of one batch that a transform may fail on alone before the component is at fault, not the
/// data. From the design: a few poisoned rows are normal, and each costs a dozen calls to find.
pub const CONVICTIONS_MAX: usize = 8;

/// What a transform made of a batch, and the rows that it cannot process at all.
pub(super) struct Applied {
    /// About the rows that did not fail; `source_rows` is always right for the whole input.
    pub(super) output: Output,
    /// Input row and fault, by row.
    pub(super) convicted: Vec<(u32, Fault)>,
}

/// Runs `transform` on `input`; when it fails, splits the batch until the failing rows stand alone.
/// A batch that passes in halves convicts no row: it may just have been too large. `convictions`
/// counts the transform's over all its calls for one batch.
pub(super) fn apply(
    transform: &mut dyn Transform,
    input: &Batch,
    convictions: &mut usize,
) -> Result<Applied, ChainFault> {
    if input.rows > 0 {
        match transform.apply(input) {
            Ok(output) => {
                return Ok(Applied {
                    output,
                    convicted: Vec::new(),
                });
            }
            Err(fault) if fault.row_code().is_none() => return Err(lied(transform, fault)),
            Err(fault) if input.rows == 1 => {
                let mut search = Search::new(transform, input, convictions);
                search.convict(0, fault)?;
                return Ok(search.finish());
            }
            Err(_) => {}
        }
    }
    let mut search = Search::new(transform, input, convictions);
    let middle = input.rows / 2;
    search.run(0, middle)?;
    search.run(middle, input.rows - middle)?;
    Ok(search.finish())
}

fn lied(transform: &dyn Transform, fault: Fault) -> ChainFault {
    ChainFault::Lied {
        transform: transform.name().to_owned(),
        fault,
    }
}

/// The parts that passed, in order.
struct Search<'a> {
    transform: &'a mut dyn Transform,
    input: &'a Batch,
    convictions: &'a mut usize,
    columns: Vec<Vec<Column>>,
    source_rows: Vec<u32>,
    rejections: Vec<crate::transform::Rejection>,
    convicted: Vec<(u32, Fault)>,
}

impl<'a> Search<'a> {
    fn new(transform: &'a mut dyn Transform, input: &'a Batch, convictions: &'a mut usize) -> Self {
        let empty = transform.plan().writes.iter().map(|f| {
            vec![Column::new(arrow_array::new_empty_array(
                &f.logical_type.data_type(),
            ))]
        });
        let columns = empty.collect();
        Self {
            transform,
            input,
            convictions,
            columns,
            source_rows: Vec::new(),
            rejections: Vec::new(),
            convicted: Vec::new(),
        }
    }

    fn run(&mut self, first: usize, rows: usize) -> Result<(), ChainFault> {
        if rows == 0 {
            return Ok(());
        }
        // Copied, not sliced: a transform must not behave differently because its columns start in
        // the middle of a buffer.
        let range: Vec<u32> = (first as u32..(first + rows) as u32).collect();
        match self.transform.apply(&self.input.take(&range)) {
            Ok(output) => self.keep(first as u32, output),
            Err(fault) if fault.row_code().is_none() => return Err(lied(self.transform, fault)),
            Err(fault) if rows == 1 => self.convict(first as u32, fault)?,
            Err(_) => {
                let middle = rows / 2;
                self.run(first, middle)?;
                self.run(first + middle, rows - middle)?;
            }
        }
        Ok(())
    }

    fn convict(&mut self, row: u32, fault: Fault) -> Result<(), ChainFault> {
        *self.convictions += 1;
        if *self.convictions > CONVICTIONS_MAX {
            let transform = self.transform.name().to_owned();
            return Err(ChainFault::TooManyRows {
                transform,
                rows_max: CONVICTIONS_MAX,
                fault,
            });
        }
        self.convicted.push((row, fault));
        Ok(())
    }

    fn keep(&mut self, first: u32, output: Output) {
        for (parts, column) in self.columns.iter_mut().zip(output.columns) {
            parts.push(column);
        }
        match output.source_rows {
            Some(rows) => self.source_rows.extend(rows.iter().map(|r| r + first)),
            None => self.source_rows.extend(first..first + output.rows as u32),
        }
        self.rejections
            .extend(output.rejections.into_iter().map(|mut r| {
                r.row += first;
                r
            }));
    }

    fn finish(self) -> Applied {
        let concat = |parts: Vec<Column>| Column::concat(&parts.iter().collect::<Vec<_>>());
        let output = Output {
            columns: self.columns.into_iter().map(concat).collect(),
            rows: self.source_rows.len(),
            source_rows: Some(self.source_rows),
            rejections: self.rejections,
        };
        Applied {
            output,
            convicted: self.convicted,
        }
    }
}
