//! Which columns a source's rows have, by their names in the records. Of a column that was renamed,
//! dropped or added nothing else tells.

use serde_json::{Map, Value};

use crate::column::Batch;
use crate::decode::{Decoded, names, payload_behind};
use crate::plan::Plan;
use crate::record::Records;

use super::layer::RowSource;

/// How the columns of the newest row differ from those that are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceColumns {
    /// What is read, and the row does not have.
    pub lacking: Vec<String>,
    /// What the row has, and is not read.
    pub new: Vec<String>,
}

/// Cells that a row's event does not name, though it names all columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unnamed {
    pub(super) row: u32,
    /// The normalizer's columns.
    pub(super) columns: Vec<usize>,
}

/// Where records name all columns of a row: the plan's attributes `row-path`.
#[derive(Clone, Debug)]
pub(super) struct RowNames {
    /// The names on the way from the value to the row.
    object: Vec<String>,
    columns: Vec<RowColumn>,
}

/// A column of the source's rows.
#[derive(Clone, Debug)]
struct RowColumn {
    /// What the row calls it.
    name: String,
    /// The read of it.
    read: usize,
    /// The normalizer's column.
    column: usize,
}

impl RowColumn {
    /// Whether the decoded row has it, be it without its value.
    fn is_named(&self, decoded: &Decoded, row: u32) -> bool {
        let is_sent = decoded.batch.columns[self.read].is_present(row as usize);
        is_sent || decoded.unsent[self.read].binary_search(&row).is_ok()
    }
}

/// Records that are looked at for one with a row: a delete has none.
const LOOKED_AT_MAX: usize = 16;

impl RowNames {
    /// `None`: the plan does not say it.
    pub(super) fn new(plan: &Plan) -> Option<Self> {
        let paths: Vec<&str> = plan
            .attributes
            .iter()
            .filter(|(name, _)| name == "row-path")
            .map(|(_, path)| path.as_str())
            .collect();
        let first = names(paths.first()?)?;
        let (_, object) = first.split_last()?;
        let of_column = |(column, path): (usize, &&str)| {
            let read = plan.reads.iter().position(|field| field.name == **path)?;
            let mut names = names(path)?;
            let name = names.pop()?;
            (names == object).then_some(RowColumn { name, read, column })
        };
        let (root, below) = object.split_first()?;
        let columns = paths.iter().enumerate().map(of_column);
        let columns = columns.collect::<Option<_>>()?;
        (root == "value").then(|| Self {
            object: below.to_vec(),
            columns,
        })
    }

    /// How the newest row differs. `None`: no record has one.
    pub(super) fn look(&self, records: &Records) -> Option<SourceColumns> {
        let newest = (0..records.len()).rev().take(LOOKED_AT_MAX);
        let document = newest.filter_map(|at| document(records, at));
        let differences = document.filter_map(|document| {
            let row = self.row(&document)?;
            let lacking = self
                .columns
                .iter()
                .filter(|column| !row.contains_key(&column.name));
            let is_read = |name: &String| self.columns.iter().any(|column| column.name == *name);
            // What begins so is of the connector.
            let is_new = |name: &&String| !name.starts_with("__") && !is_read(name);
            Some(SourceColumns {
                lacking: lacking.map(|column| column.name.clone()).collect(),
                new: row.keys().filter(is_new).cloned().collect(),
            })
        });
        differences.into_iter().next()
    }

    /// The cells of `rows`, which are the normalizer's and come from `sources`, that are absent
    /// because their events do not name them.
    pub(super) fn unnamed(
        &self,
        decoded: &Decoded,
        rows: &Batch,
        sources: &[RowSource],
    ) -> Vec<Unnamed> {
        let cells = &rows.columns;
        let has_absent = |column: &&RowColumn| cells[column.column].presence.is_some();
        let open: Vec<&RowColumn> = self.columns.iter().filter(has_absent).collect();
        if open.is_empty() {
            return Vec::new();
        }
        let sources = sources.iter().enumerate();
        let unnamed = sources.filter_map(|(row, source)| {
            let mut absent = open
                .iter()
                .filter(|column| !cells[column.column].is_present(row))
                .peekable();
            absent.peek()?;
            let from = decoded.records.binary_search(&source.record).ok()? as u32;
            // A delete has no row, and names none of them.
            let mut columns = self.columns.iter();
            if !columns.any(|column| column.is_named(decoded, from)) {
                return None;
            }
            let unnamed = absent.filter(|column| !column.is_named(decoded, from));
            let columns: Vec<usize> = unnamed.map(|column| column.column).collect();
            (!columns.is_empty()).then_some(Unnamed {
                row: row as u32,
                columns,
            })
        });
        unnamed.collect()
    }

    /// The row that a document has, where it has any of its columns.
    fn row<'v>(&self, document: &'v Value) -> Option<&'v Map<String, Value>> {
        let mut path = self.object.iter();
        let row = path.try_fold(document, |value, name| value.get(name))?;
        let row = row.as_object()?;
        let mut columns = self.columns.iter();
        columns
            .any(|column| row.contains_key(&column.name))
            .then_some(row)
    }
}

/// The value of a record, below the wrapper that may lie around it.
fn document(records: &Records, at: usize) -> Option<Value> {
    let value = records.get(at).value?;
    if value.head().is_some() {
        return serde_json::from_slice(payload_behind(value.rest())?).ok();
    }
    let mut value: Value = serde_json::from_slice(value.rest()).ok()?;
    let is_wrapper = value
        .as_object()
        .is_some_and(|o| o.len() == 2 && o.contains_key("schema") && o.contains_key("payload"));
    Some(match is_wrapper {
        true => value["payload"].take(),
        false => value,
    })
}
