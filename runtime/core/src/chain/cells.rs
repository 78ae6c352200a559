//! Which cells an event may leave out, and who needs them.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_buffer::BooleanBuffer;

use crate::column::{Batch, Column, Field};
use crate::plan::Roles;

use super::step::Step;

/// A normalizer's columns, as far as they reach the target.
#[derive(Clone, Debug)]
pub(super) struct Cells {
    /// Those that have no role, and that the target has or an enricher reads.
    pub(super) columns: Vec<usize>,
    /// Of each enricher those that it reads, itself or by way of another; the key's left out.
    pub(super) inputs: Vec<Vec<usize>>,
    /// Of each enricher those that it or one that reads what it writes reads: where none of them is
    /// present, nobody asks for its answer.
    pub(super) heard: Vec<Vec<usize>>,
    /// The deleted flag.
    pub(super) deleted: Option<usize>,
}

impl Cells {
    /// `writes` are the normalizer's columns, `target` the target's.
    pub(super) fn new(
        roles: &Roles,
        writes: &[Field],
        enrichers: &[Step],
        target: &[Field],
    ) -> Self {
        let is_key = |i: usize| roles.key.contains(&writes[i].name);
        let own = (0..writes.len()).map(|i| match is_key(i) {
            true => Vec::new(),
            false => vec![i],
        });
        // Of each written column the normalizer's that it is made of, and the enrichers.
        let mut made_of: Vec<(Vec<usize>, Vec<usize>)> = own.map(|own| (own, vec![])).collect();
        let mut inputs: Vec<Vec<usize>> = Vec::with_capacity(enrichers.len());
        let mut heard: Vec<Vec<usize>> = Vec::with_capacity(enrichers.len());
        for (at, step) in enrichers.iter().enumerate() {
            let reads = united(step.heeds().map(|p| &made_of[p].0));
            let mut by = united(step.heeds().map(|p| &made_of[p].1));
            for &earlier in &by {
                heard[earlier] = united([&heard[earlier], &reads].into_iter());
            }
            by.push(at);
            made_of.extend(std::iter::repeat_n((reads.clone(), by), step.writes.len()));
            heard.push(reads.clone());
            inputs.push(reads);
        }
        let is_used = |i: &usize| {
            let name = &writes[*i].name;
            let is_read = inputs.iter().any(|reads: &Vec<usize>| reads.contains(i));
            !roles.include(name) && (is_read || target.iter().any(|field| field.name == *name))
        };
        let columns = (0..writes.len()).filter(is_used).collect();
        let deleted = roles.deleted.as_ref();
        Self {
            columns,
            inputs,
            heard,
            deleted: deleted.and_then(|name| writes.iter().position(|f| f.name == *name)),
        }
    }

    /// Whether the row is a deleted one.
    pub(super) fn is_deleted(&self, batch: &Batch, row: usize) -> bool {
        let flags = self.deleted.map(|c| batch.columns[c].values.as_boolean());
        flags.is_some_and(|flags| flags.is_valid(row) && flags.value(row))
    }

    /// Of each of them that has absent cells which are present.
    pub(super) fn presence<'a>(
        &self,
        columns: &'a [Column],
    ) -> impl Iterator<Item = &'a BooleanBuffer> {
        let columns = self.columns.iter().map(|&c| &columns[c]);
        columns.filter_map(|column| column.presence.as_ref())
    }

    /// Whether any cell may be absent.
    pub(super) fn are_absent(&self, columns: &[Column]) -> bool {
        self.presence(columns).next().is_some()
    }
}

/// All that is in any of them, ascending.
fn united<'a>(lists: impl Iterator<Item = &'a Vec<usize>>) -> Vec<usize> {
    let mut all: Vec<usize> = lists.flatten().copied().collect();
    all.sort_unstable();
    all.dedup();
    all
}
