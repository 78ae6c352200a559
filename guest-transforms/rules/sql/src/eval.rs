//! Runs expressions, a step for all rows at once.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::call::{Call, Failures, Slot};
use crate::column::{Column, NONE, Values};
use crate::tree::{Kind, Node};
use crate::types::Type;

/// What expressions of a batch see.
pub(crate) struct Environment<'a> {
    pub(crate) columns: Vec<Rc<Column<'a>>>,
    /// A place for the texts of each step.
    pub(crate) slots: &'a [Slot],
    pub(crate) failures: &'a Failures,
    /// What [`Kind::Shared`] gave, by its slot.
    shared: RefCell<BTreeMap<usize, Rc<Column<'a>>>>,
}

impl<'a> Environment<'a> {
    pub(crate) fn new(
        columns: Vec<Rc<Column<'a>>>,
        slots: &'a [Slot],
        failures: &'a Failures,
    ) -> Self {
        Self {
            columns,
            slots,
            failures,
            shared: RefCell::default(),
        }
    }

    /// The values of `node` in the rows that are live; what the others have is meaningless, and
    /// nothing of them fails.
    pub(crate) fn run(&self, node: &'a Node, is_live: &[bool]) -> Rc<Column<'a>> {
        match &node.kind {
            Kind::Column(column) => Rc::clone(&self.columns[*column]),
            Kind::Constant(value) => Rc::new(Column::of_value(value, node.of_type)),
            Kind::Shared { node, slot } => self.shared(node, *slot, is_live),
            Kind::And(left, right) => Rc::new(self.both(left, right, is_live, false)),
            Kind::Or(left, right) => Rc::new(self.both(left, right, is_live, true)),
            Kind::Coalesce(nodes) => Rc::new(self.coalesce(nodes, node.of_type, is_live)),
            Kind::Case {
                branches,
                otherwise,
            } => {
                let otherwise = otherwise.as_deref();
                Rc::new(self.case(branches, otherwise, node.of_type, is_live))
            }
            Kind::Call {
                function,
                arguments,
                prepared,
                slot,
            } => {
                let arguments: Vec<_> = arguments
                    .iter()
                    .map(|argument| self.run(argument, is_live))
                    .collect();
                let strict = function
                    .is_strict
                    .then(|| without_nulls(is_live, &arguments));
                let call = Call {
                    arguments: &arguments,
                    is_live: strict.as_deref().unwrap_or(is_live),
                    prepared: prepared.as_ref(),
                    slot: &self.slots[*slot],
                    failures: self.failures,
                };
                let sources: Vec<&Column> = arguments.iter().map(AsRef::as_ref).collect();
                Rc::new((function.run)(&call).with_absent_of(&sources))
            }
        }
    }

    fn shared(&self, node: &'a Node, slot: usize, is_live: &[bool]) -> Rc<Column<'a>> {
        if let Some(column) = self.shared.borrow().get(&slot) {
            return Rc::clone(column);
        }
        let column = self.run(node, is_live);
        self.shared.borrow_mut().insert(slot, Rc::clone(&column));
        column
    }

    /// The same for a part that may be needed in no row.
    fn run_some(&self, node: &'a Node, is_live: &[bool]) -> Rc<Column<'a>> {
        match is_live.contains(&true) {
            true => self.run(node, is_live),
            false => Rc::new(Column::nulls(node.of_type, is_live.len())),
        }
    }

    /// `and`, whose left side decides when it is false; `or`, when it is true.
    fn both(&self, left: &'a Node, right: &'a Node, is_live: &[bool], decides: bool) -> Column<'a> {
        let left = self.run(left, is_live);
        let sides = left.bools();
        let is_decided = |row: usize| left.has(row) && sides[row] == decides;
        let live = is_live.iter().enumerate();
        let rest: Vec<bool> = live.map(|(row, live)| *live && !is_decided(row)).collect();
        let right = self.run_some(right, &rest);
        let others = right.bools();
        let mut values = Vec::with_capacity(is_live.len());
        let mut is_valid = Vec::with_capacity(is_live.len());
        for row in 0..is_live.len() {
            let is_decided = is_decided(row) || right.has(row) && others[row] == decides;
            values.push(is_decided == decides);
            is_valid.push(is_decided || left.has(row) && right.has(row));
        }
        Column::new(Values::Bool(values), is_valid).with_absent_of(&[&left, &right])
    }

    fn coalesce(&self, nodes: &'a [Node], of_type: Type, is_live: &[bool]) -> Column<'a> {
        let mut rest = is_live.to_vec();
        let mut choice = vec![NONE; rest.len()];
        let mut columns = Vec::with_capacity(nodes.len());
        for (index, node) in nodes.iter().enumerate() {
            let column = self.run(node, &rest);
            for (row, is_live) in rest.iter_mut().enumerate() {
                if *is_live && column.has(row) {
                    choice[row] = index as u32;
                    *is_live = false;
                }
            }
            columns.push(column);
            if !rest.contains(&true) {
                break;
            }
        }
        let columns: Vec<&Column> = columns.iter().map(Rc::as_ref).collect();
        Column::merge(&columns, &choice, of_type).with_absent_of(&columns)
    }

    fn case(
        &self,
        branches: &'a [(Node, Node)],
        otherwise: Option<&'a Node>,
        of_type: Type,
        is_live: &[bool],
    ) -> Column<'a> {
        let mut rest = is_live.to_vec();
        let mut choice = vec![NONE; rest.len()];
        let mut columns = Vec::with_capacity(branches.len() + 1);
        // Rows of which nobody knows whether a condition holds.
        let mut undecided = Vec::new();
        for (condition, value) in branches {
            let condition = self.run_some(condition, &rest);
            let index = columns.len() as u32;
            let mut is_taken = vec![false; rest.len()];
            for (row, is_live) in rest.iter_mut().enumerate() {
                if *is_live && condition.is_true(row) {
                    (choice[row], is_taken[row], *is_live) = (index, true, false);
                } else if *is_live && condition.is_absent(row) {
                    undecided.push(row);
                    *is_live = false;
                }
            }
            columns.push(self.run_some(value, &is_taken));
        }
        if let Some(value) = otherwise {
            let index = columns.len() as u32;
            for (row, _) in rest.iter().enumerate().filter(|(_, is_live)| **is_live) {
                choice[row] = index;
            }
            columns.push(self.run_some(value, &rest));
        }
        let columns: Vec<&Column> = columns.iter().map(Rc::as_ref).collect();
        let mut merged = Column::merge(&columns, &choice, of_type);
        for row in undecided {
            let rows = choice.len();
            merged.is_absent.get_or_insert_with(|| vec![false; rows])[row] = true;
        }
        merged
    }
}

/// The rows that are live and in which no argument is null.
fn without_nulls<'l>(is_live: &'l [bool], arguments: &[Rc<Column>]) -> Cow<'l, [bool]> {
    let mut live = Cow::Borrowed(is_live);
    for argument in arguments {
        match argument.is_constant() {
            true if argument.has(0) => {}
            true => return Cow::Owned(vec![false; is_live.len()]),
            false => {
                for (live, is_valid) in live.to_mut().iter_mut().zip(&argument.is_valid) {
                    *live &= is_valid;
                }
            }
        }
    }
    live
}
