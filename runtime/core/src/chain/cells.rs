//! Which cells an event may leave out, and who needs them.

use arrow_buffer::BooleanBuffer;

use crate::column::{Column, Field};
use crate::plan::Roles;

use super::step::Step;

/// A normalizer's columns, as far as they reach the target.
#[derive(Clone, Debug)]
pub(super) struct Cells {
    /// Those that have no role, and that the target has or an enricher reads.
    pub(super) columns: Vec<usize>,
    /// Of each enricher those that it reads, itself or by way of another; the key's left out.
    pub(super) inputs: Vec<Vec<usize>>,
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
        // Of each written column the normalizer's that it is made of.
        let mut made_of: Vec<Vec<usize>> = own.collect();
        let mut inputs = Vec::with_capacity(enrichers.len());
        for step in enrichers {
            let reads = step.heeds().flat_map(|p| made_of[p].iter().copied());
            let mut reads: Vec<usize> = reads.collect();
            reads.sort_unstable();
            reads.dedup();
            made_of.extend(std::iter::repeat_n(reads.clone(), step.writes.len()));
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
            deleted: deleted.and_then(|name| writes.iter().position(|f| f.name == *name)),
        }
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
