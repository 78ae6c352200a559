//! Gives expressions their types, or says what is wrong with them.

mod call;
mod coerce;
mod overload;
mod refused;
mod shape;

use crate::mistake::{Mistake, did_you_mean};
use crate::syntax::{self, Expression, Span, Written};
use crate::tree::{Kind, Node};
use crate::types::Type;
use crate::value::Value;

/// A column that expressions may name.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) name: String,
    pub(crate) of_type: Type,
    pub(crate) is_nullable: bool,
}

/// Reads an expression over `columns`; `slots` counts the steps of the whole rule.
pub(crate) fn resolve(text: &str, columns: &[Known], slots: &mut usize) -> Result<Node, Mistake> {
    let written = syntax::parse(text)?;
    Resolver {
        text,
        columns,
        slots,
        depth: 0,
    }
    .expression(&written)
}

/// The columns that an expression names, whether or not they are known.
pub(crate) fn names(text: &str) -> Vec<String> {
    fn walk(expression: &Expression, names: &mut Vec<String>) {
        match &expression.kind {
            Written::Column(name) => names.push(name.clone()),
            Written::Call { arguments, .. } => arguments.iter().for_each(|a| walk(a, names)),
            Written::Cast { value, .. } | Written::Is { value, .. } => walk(value, names),
            Written::And(a, b) | Written::Or(a, b) | Written::Distinct(a, b) => {
                walk(a, names);
                walk(b, names);
            }
            Written::Case {
                operand,
                branches,
                otherwise,
            } => {
                operand.iter().chain(otherwise).for_each(|e| walk(e, names));
                for (condition, value) in branches {
                    walk(condition, names);
                    walk(value, names);
                }
            }
            Written::In { value, list } => {
                walk(value, names);
                list.iter().for_each(|e| walk(e, names));
            }
            Written::Null | Written::Bool(_) | Written::Number(_) | Written::Text(_) => {}
        }
    }
    let mut found = Vec::new();
    if let Ok(expression) = syntax::parse(text) {
        walk(&expression, &mut found);
    }
    found
}

/// Expressions in each other: what the stack of a rule, a megabyte, has room for many times over.
const DEPTH_MAX: usize = 150;

pub(crate) struct Resolver<'r> {
    text: &'r str,
    columns: &'r [Known],
    slots: &'r mut usize,
    depth: usize,
}

impl Resolver<'_> {
    fn expression(&mut self, written: &Expression) -> Result<Node, Mistake> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            let sentence = "the expression is too deep: write a part of it as a column of its own";
            return Err(Mistake::new(written.span, sentence));
        }
        let found = self.typed(written);
        self.depth -= 1;
        found
    }

    fn typed(&mut self, written: &Expression) -> Result<Node, Mistake> {
        let span = written.span;
        match &written.kind {
            Written::Null => Ok(Node::constant(Value::Null, Type::Unknown, span)),
            Written::Bool(value) => Ok(Node::constant(Value::Bool(*value), Type::Boolean, span)),
            Written::Text(text) => Ok(Node::constant(
                Value::Text(text.clone()),
                Type::Unknown,
                span,
            )),
            Written::Number(text) => number(text, span),
            Written::Column(name) => self.column(name, span),
            Written::Call { name, arguments } => {
                let arguments = self.all(arguments)?;
                self.call(name, arguments, span)
            }
            Written::Cast { value, to } => {
                let value = self.expression(value)?;
                self.cast(value, to, span)
            }
            Written::And(left, right) => {
                let (left, right) = self.conditions(left, right, "and")?;
                Ok(condition(left, right, false, span))
            }
            Written::Or(left, right) => {
                let (left, right) = self.conditions(left, right, "or")?;
                Ok(condition(left, right, true, span))
            }
            Written::Case {
                operand,
                branches,
                otherwise,
            } => self.case(operand.as_deref(), branches, otherwise.as_deref(), span),
            Written::In { value, list } => {
                let value = self.expression(value)?;
                let list = self.all(list)?;
                self.in_list(value, list, span)
            }
            Written::Is {
                value,
                what,
                is_null,
            } => {
                let value = self.expression(value)?;
                self.is(value, *what, *is_null, span)
            }
            Written::Distinct(left, right) => {
                let (left, right) = (self.expression(left)?, self.expression(right)?);
                self.distinct(left, right, span)
            }
        }
    }

    fn all(&mut self, written: &[Expression]) -> Result<Vec<Node>, Mistake> {
        written
            .iter()
            .map(|expression| self.expression(expression))
            .collect()
    }

    fn conditions(
        &mut self,
        left: &Expression,
        right: &Expression,
        of: &str,
    ) -> Result<(Node, Node), Mistake> {
        let left = self.expression(left)?;
        let left = self.as_condition(left, of)?;
        let right = self.expression(right)?;
        Ok((left, self.as_condition(right, of)?))
    }

    fn column(&self, name: &str, span: Span) -> Result<Node, Mistake> {
        if let Some(at) = self.columns.iter().position(|column| column.name == name) {
            let Known {
                of_type,
                is_nullable,
                ..
            } = self.columns[at];
            let kind = Kind::Column(at);
            return Ok(Node {
                kind,
                of_type,
                span,
                is_nullable,
                decimal: None,
            });
        }
        let known = self.columns.iter().map(|column| &*column.name);
        let near = did_you_mean(name, known);
        let is_quoted = self.text[span.start..].starts_with('"');
        let mut capitals = self.columns.iter().map(|column| &column.name);
        if let Some(known) = capitals.find(|known| known.eq_ignore_ascii_case(name)) {
            let sentence = format!(
                "no column `{name}` is read: a name with capitals stands in double quotes, \
                 `\"{known}\"`"
            );
            return Err(Mistake::new(span, sentence));
        }
        let advice = match near.as_str() {
            "" if is_quoted => {
                ": double quotes are for names, a text stands in single ones".to_owned()
            }
            "" => ": add it to `reads` with its type".to_owned(),
            _ => near,
        };
        Err(Mistake::new(
            span,
            format!("no column `{name}` is read{advice}"),
        ))
    }

    /// What stands at a place of the text.
    fn written(&self, span: Span) -> &str {
        self.text.get(span.start..span.end).unwrap_or("")
    }

    fn slot(&mut self) -> usize {
        *self.slots += 1;
        *self.slots - 1
    }
}

/// `or` of two conditions, where `decides` is true, else `and`. A constant that decides is all that
/// is left, as in PostgreSQL: what the other one is does not count, even if it fails.
fn condition(left: Node, right: Node, decides: bool, span: Span) -> Node {
    let constant = |node: &Node| match node.as_constant() {
        Some(Value::Bool(value)) => Some(*value),
        _ => None,
    };
    match [&left, &right].map(constant) {
        [Some(value), _] | [_, Some(value)] if value == decides => {
            return Node::constant(Value::Bool(decides), Type::Boolean, span);
        }
        [Some(_), _] => return right,
        [_, Some(_)] => return left,
        _ => {}
    }
    let is_nullable = left.is_nullable || right.is_nullable;
    let (left, right) = (left.into(), right.into());
    let kind = match decides {
        true => Kind::Or(left, right),
        false => Kind::And(left, right),
    };
    Node {
        kind,
        of_type: Type::Boolean,
        span,
        is_nullable,
        decimal: None,
    }
}

/// A whole number is of the smallest type that holds it; any other is a decimal.
fn number(text: &str, span: Span) -> Result<Node, Mistake> {
    if !text.contains(['.', 'e', 'E'])
        && let Ok(value) = text.parse::<i64>()
    {
        let of_type = if i32::try_from(value).is_ok() {
            Type::Int4
        } else {
            Type::Int8
        };
        return Ok(Node::constant(Value::Int(value), of_type, span));
    }
    let value = crate::numeric::Numeric::parse(text).map_err(|why| Mistake::new(span, why))?;
    Ok(Node::constant(Value::Numeric(value), Type::Numeric, span))
}
