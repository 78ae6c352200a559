//! Expressions of a form of their own: `case`, `in`, `is`, `coalesce` and the like.

use std::rc::Rc;

use super::{Resolver, condition};
use crate::function::{self, Function, Prepared};
use crate::mistake::Mistake;
use crate::syntax::{Expression, Name, Span};
use crate::tree::{Kind, Node};
use crate::types::Type;
use crate::value::Value;

impl Resolver<'_> {
    pub(super) fn case(
        &mut self,
        operand: Option<&Expression>,
        branches: &[(Expression, Expression)],
        otherwise: Option<&Expression>,
        span: Span,
    ) -> Result<Node, Mistake> {
        let operand = operand
            .map(|operand| self.expression(operand))
            .transpose()?
            .map(|operand| self.shared(operand));
        let (mut conditions, mut values) = (Vec::new(), Vec::new());
        for (condition, value) in branches {
            let condition = self.expression(condition)?;
            conditions.push(match &operand {
                None => self.as_condition(condition, "when")?,
                Some(operand) => {
                    let at = condition.span;
                    self.equal(operand.clone(), condition, at)?
                }
            });
            values.push(self.expression(value)?);
        }
        let otherwise = otherwise.map(|value| self.expression(value)).transpose()?;
        let all: Vec<&Node> = otherwise.iter().chain(&values).collect();
        let of_type = self.common(&all, "case")?;
        let values = self.as_common(values, of_type)?;
        let otherwise = match otherwise {
            Some(value) => self.as_common(vec![value], of_type)?.pop().map(Box::new),
            None => None,
        };
        let is_nullable = otherwise.as_ref().is_none_or(|value| value.is_nullable)
            || values.iter().any(|value| value.is_nullable);
        let branches = conditions.into_iter().zip(values).collect();
        let kind = Kind::Case {
            branches,
            otherwise,
        };
        Ok(Node {
            kind,
            of_type,
            span,
            is_nullable,
            decimal: None,
        })
    }

    /// A node that may stand in several places.
    fn shared(&mut self, node: Node) -> Node {
        if matches!(node.kind, Kind::Column(_) | Kind::Constant(_)) {
            return node;
        }
        let (of_type, span) = (node.of_type, node.span);
        let (is_nullable, decimal) = (node.is_nullable, node.decimal);
        let (node, slot) = (Rc::new(node), self.slot());
        let kind = Kind::Shared { node, slot };
        Node {
            kind,
            of_type,
            span,
            is_nullable,
            decimal,
        }
    }

    pub(super) fn equal(&mut self, left: Node, right: Node, span: Span) -> Result<Node, Mistake> {
        let name = Name {
            text: "=".to_owned(),
            span,
        };
        self.call(&name, vec![left, right], span)
    }

    /// Of texts that are constants a set; elsewhere each is compared.
    pub(super) fn in_list(
        &mut self,
        value: Node,
        list: Vec<Node>,
        span: Span,
    ) -> Result<Node, Mistake> {
        let is_text = matches!(value.of_type, Type::Text | Type::Uuid)
            && list.iter().all(|item| {
                item.as_constant().is_some()
                    && (item.of_type == Type::Unknown || item.of_type == value.of_type)
            });
        if !is_text {
            let value = self.shared(value);
            let equals: Result<Vec<Node>, Mistake> = constants_first(list)
                .into_iter()
                .map(|item| {
                    let at = item.span;
                    self.equal(value.clone(), item, at)
                })
                .collect();
            return Ok(any(equals?, span));
        }
        let (mut values, mut has_null) = (Vec::new(), false);
        for item in list {
            let item = self.coerce(item, value.of_type)?;
            match item.as_constant() {
                Some(Value::Text(text)) => values.push(text.clone()),
                _ => has_null = true,
            }
        }
        values.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
        let is_nullable = value.is_nullable || has_null;
        let prepared = Some(Prepared::Set { values, has_null });
        let mut node = self.apply_prepared(&function::IN_TEXTS, vec![value], prepared, span)?;
        node.is_nullable = is_nullable;
        Ok(node)
    }

    pub(super) fn is(
        &mut self,
        value: Node,
        what: Option<bool>,
        is_null: bool,
        span: Span,
    ) -> Result<Node, Mistake> {
        let value = match is_null {
            true if value.of_type == Type::Unknown => self.coerce(value, Type::Text)?,
            true => value,
            false => self.as_condition(value, "is true")?,
        };
        let function: &'static Function = match what {
            Some(true) => &function::IS_TRUE,
            Some(false) => &function::IS_FALSE,
            None => &function::IS_NULL,
        };
        self.apply(function, vec![value], span)
    }

    pub(super) fn distinct(
        &mut self,
        left: Node,
        right: Node,
        span: Span,
    ) -> Result<Node, Mistake> {
        let (left, right) = self.comparable(left, right, span)?;
        self.apply(&function::DISTINCT, vec![left, right], span)
    }

    /// Two values as of the type in which they compare.
    fn comparable(&mut self, left: Node, right: Node, span: Span) -> Result<(Node, Node), Mistake> {
        let name = Name {
            text: "=".to_owned(),
            span,
        };
        let types = [left.of_type, right.of_type];
        let found = self.overload(&name, &[left.clone(), right.clone()], span)?;
        if let Some(why) = found.refused {
            return Err(Mistake::new(
                span,
                format!("`{}`: {why}", found.signature()),
            ));
        }
        // Whole numbers of two sizes compare as they are.
        if types
            .iter()
            .all(|of_type| matches!(of_type, Type::Int4 | Type::Int8))
        {
            return Ok((left, right));
        }
        let left = self.coerce(left, found.takes[0])?;
        Ok((left, self.coerce(right, found.takes[1])?))
    }

    /// Functions whose type follows from their arguments. None: it is no such function.
    pub(super) fn shaped(
        &mut self,
        name: &Name,
        arguments: &mut Vec<Node>,
        span: Span,
    ) -> Result<Option<Node>, Mistake> {
        let at_least = |count: usize, found: usize| match found >= count {
            true => Ok(()),
            false => Err(Mistake::new(
                span,
                format!(
                    "`{}` takes at least {count} argument{}",
                    name.text,
                    plural(count)
                ),
            )),
        };
        let count = arguments.len();
        let node = match name.text.as_str() {
            "coalesce" => {
                at_least(1, count)?;
                self.coalesce(std::mem::take(arguments), span)?
            }
            "greatest" | "least" => {
                at_least(1, count)?;
                self.extreme(&name.text, std::mem::take(arguments), span)?
            }
            "nullif" => {
                let [left, right] = <[Node; 2]>::try_from(std::mem::take(arguments))
                    .map_err(|_| Mistake::new(span, "`nullif` takes two arguments"))?;
                self.nullif(left, right, span)?
            }
            "concat" | "concat_ws" => {
                let fixed = usize::from(name.text == "concat_ws");
                at_least(fixed + 1, count)?;
                self.concat(std::mem::take(arguments), fixed, span)?
            }
            "not" => {
                let value = self.as_condition(arguments.remove(0), "not")?;
                self.apply(&function::NOT, vec![value], span)?
            }
            "||" => return self.joined(arguments),
            _ => return Ok(None),
        };
        Ok(Some(node))
    }

    fn coalesce(&mut self, nodes: Vec<Node>, span: Span) -> Result<Node, Mistake> {
        let of_type = self.common(&nodes.iter().collect::<Vec<_>>(), "coalesce")?;
        let nodes = self.as_common(nodes, of_type)?;
        let is_nullable = nodes.iter().all(|node| node.is_nullable);
        let is_constant = nodes.iter().all(|node| node.as_constant().is_some());
        let kind = Kind::Coalesce(nodes);
        let node = Node {
            kind,
            of_type,
            span,
            is_nullable,
            decimal: None,
        };
        if is_constant {
            self.fold(&node)
        } else {
            Ok(node)
        }
    }

    fn extreme(&mut self, name: &str, nodes: Vec<Node>, span: Span) -> Result<Node, Mistake> {
        let of_type = self.common(&nodes.iter().collect::<Vec<_>>(), name)?;
        if !function::is_ordered(of_type) {
            return Err(Mistake::new(
                span,
                format!("values of type {of_type} have no order here"),
            ));
        }
        let nodes = self.as_common(nodes, of_type)?;
        let is_nullable = nodes.iter().all(|node| node.is_nullable);
        let function: &'static Function = if name == "least" {
            &function::LEAST
        } else {
            &function::GREATEST
        };
        let mut node = self.apply(function, nodes, span)?;
        (node.of_type, node.is_nullable) = (of_type, is_nullable);
        Ok(node)
    }

    /// The first argument: as of the type in which both compare, or as it is where PostgreSQL
    /// compares both types as they are.
    fn nullif(&mut self, left: Node, right: Node, span: Span) -> Result<Node, Mistake> {
        let is_crossed = left.of_type != right.of_type
            && [&left, &right]
                .iter()
                .all(|node| function::is_moment(node.of_type));
        let first = is_crossed.then(|| left.clone());
        let (left, right) = self.comparable(left, right, span)?;
        let of_type = first.as_ref().unwrap_or(&left).of_type;
        let arguments = first.into_iter().chain([left, right]).collect();
        let mut node = self.apply(&function::NULLIF, arguments, span)?;
        node.of_type = of_type;
        Ok(node)
    }

    fn concat(&mut self, nodes: Vec<Node>, fixed: usize, span: Span) -> Result<Node, Mistake> {
        let mut texts = Vec::with_capacity(nodes.len());
        for (index, node) in nodes.into_iter().enumerate() {
            texts.push(match node.of_type {
                Type::Text | Type::Unknown => self.coerce(node, Type::Text)?,
                _ if index < fixed => {
                    return Err(Mistake::new(node.span, "the separator must be a text"));
                }
                // Its output function has one letter.
                Type::Boolean => {
                    let span = node.span;
                    self.apply(&function::LETTER, vec![node], span)?
                }
                _ => self.convert(node, Type::Text)?,
            });
        }
        let is_nullable = fixed > 0 && texts[0].is_nullable;
        let function: &'static Function = if fixed > 0 {
            &function::CONCAT_WS
        } else {
            &function::CONCAT
        };
        let mut node = self.apply(function, texts, span)?;
        node.is_nullable = is_nullable;
        Ok(node)
    }

    /// What is joined to a text is a text.
    fn joined(&mut self, arguments: &mut [Node]) -> Result<Option<Node>, Mistake> {
        let is_text = |node: &Node| matches!(node.of_type, Type::Text | Type::Unknown);
        let is_other = |node: &Node| {
            !matches!(
                node.of_type,
                Type::Bytea | Type::Jsonb | Type::Interval | Type::TextArray
            )
        };
        for (one, other) in [(0, 1), (1, 0)] {
            let (Some(text), Some(joined)) = (arguments.get(one), arguments.get(other)) else {
                break;
            };
            if is_text(text) && !is_text(joined) && is_other(joined) {
                arguments[other] = self.convert(joined.clone(), Type::Text)?;
                break;
            }
        }
        Ok(None)
    }
}

/// As PostgreSQL compares with several constants before it computes the others, which may fail.
fn constants_first(mut list: Vec<Node>) -> Vec<Node> {
    let is_constant = |item: &Node| item.as_constant().is_some();
    if list.iter().filter(|item| is_constant(item)).count() > 1 {
        list.sort_by_key(|item| !is_constant(item));
    }
    list
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// Whether any is true: a tree that is no deeper than it must be.
fn any(mut nodes: Vec<Node>, span: Span) -> Node {
    while nodes.len() > 1 {
        let mut pairs = Vec::with_capacity(nodes.len().div_ceil(2));
        let mut rest = nodes.into_iter();
        while let Some(left) = rest.next() {
            pairs.push(match rest.next() {
                Some(right) => condition(left, right, true, span),
                None => left,
            });
        }
        nodes = pairs;
    }
    nodes
        .pop()
        .unwrap_or_else(|| Node::constant(Value::Bool(false), Type::Boolean, span))
}
