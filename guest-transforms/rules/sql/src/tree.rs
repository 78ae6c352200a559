//! Expressions whose types are known.

use std::rc::Rc;

use crate::function::{Function, Prepared};
use crate::syntax::Span;
use crate::types::Type;
use crate::value::Value;

/// An expression, what it gives and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) of_type: Type,
    pub(crate) span: Span,
    /// Whether it may be null.
    pub(crate) is_nullable: bool,
    /// Of a cast to `numeric(precision,scale)`.
    pub(crate) decimal: Option<(u16, u16)>,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// A column of the environment: read, joined or written before.
    Column(usize),
    Constant(Value),
    Call {
        function: &'static Function,
        arguments: Vec<Node>,
        prepared: Option<Prepared>,
        slot: usize,
    },
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    /// Conditions with their values, in order; the last one has no condition, when there is an
    /// `else`.
    Case {
        branches: Vec<(Node, Node)>,
        otherwise: Option<Box<Node>>,
    },
    Coalesce(Vec<Node>),
    /// What stands in several places, as the operand of `case` does: it is computed where it is
    /// needed first, and that place has all rows of the others.
    Shared {
        node: Rc<Node>,
        slot: usize,
    },
}

impl Node {
    pub(crate) fn constant(value: Value, of_type: Type, span: Span) -> Self {
        let is_nullable = value.is_null();
        Self {
            kind: Kind::Constant(value),
            of_type,
            span,
            is_nullable,
            decimal: None,
        }
    }

    pub(crate) fn as_constant(&self) -> Option<&Value> {
        match &self.kind {
            Kind::Constant(value) => Some(value),
            _ => None,
        }
    }

    /// Calls `see` with each column that the expression names.
    pub(crate) fn columns(&self, see: &mut impl FnMut(usize)) {
        match &self.kind {
            Kind::Column(column) => see(*column),
            Kind::Constant(_) => {}
            Kind::Shared { node, .. } => node.columns(see),
            Kind::Call { arguments, .. } | Kind::Coalesce(arguments) => {
                arguments.iter().for_each(|argument| argument.columns(see));
            }
            Kind::And(left, right) | Kind::Or(left, right) => {
                left.columns(see);
                right.columns(see);
            }
            Kind::Case {
                branches,
                otherwise,
            } => {
                for (condition, value) in branches {
                    condition.columns(see);
                    value.columns(see);
                }
                if let Some(value) = otherwise {
                    value.columns(see);
                }
            }
        }
    }
}
