//! Values of one type as of another.

use super::Resolver;
use crate::call::Failures;
use crate::eval::Environment;
use crate::function::{self, Function, Prepared};
use crate::mistake::{Mistake, did_you_mean};
use crate::syntax::{Span, TypeName};
use crate::tree::{Kind, Node};
use crate::types::{Category, Type};
use crate::value::Value;

/// Types that PostgreSQL has, with those to take instead.
const OTHER_TYPES: [(&str, &str); 13] = [
    ("smallint", "integer"),
    ("int2", "integer"),
    ("real", "double precision"),
    ("float4", "double precision"),
    ("char", "text"),
    ("character", "text"),
    ("bpchar", "text"),
    ("name", "text"),
    ("money", "numeric"),
    ("timetz", "time"),
    ("time with time zone", "time"),
    ("serial", "integer"),
    ("json", "jsonb"),
];

/// Digits of a decimal: PostgreSQL's limit.
const PRECISION_MAX: u32 = 1000;

impl Resolver<'_> {
    /// `value` as of type `to`, when it becomes that without being asked.
    pub(super) fn coerce(&mut self, value: Node, to: Type) -> Result<Node, Mistake> {
        match value.of_type == to {
            true => Ok(value),
            false => self.convert(value, to),
        }
    }

    /// A call of the cast; a literal is read at once.
    pub(super) fn convert(&mut self, value: Node, to: Type) -> Result<Node, Mistake> {
        let (span, from) = (value.span, value.of_type);
        if from == Type::Unknown {
            return self.literal(value, to);
        }
        match function::cast(from, to) {
            Some(cast) => self.apply(cast, vec![value], span),
            None => Err(Mistake::new(
                span,
                format!("cannot cast type {from} to {to}"),
            )),
        }
    }

    fn literal(&mut self, value: Node, to: Type) -> Result<Node, Mistake> {
        let span = value.span;
        let text = match value.kind {
            Kind::Constant(Value::Text(text)) => text,
            Kind::Constant(Value::Null) => return Ok(Node::constant(Value::Null, to, span)),
            // A `case` or the like of literals alone is text.
            kind => {
                let value = Node {
                    kind,
                    of_type: Type::Text,
                    ..value
                };
                return self.coerce(value, to);
            }
        };
        let made = match to {
            Type::Interval => function::parse_interval(&text),
            Type::TextArray => function::parse_path(&text),
            _ => {
                let value = Node::constant(Value::Text(text), Type::Text, span);
                return self.coerce(value, to);
            }
        };
        let made = made.map_err(|why| Mistake::new(span, why))?;
        Ok(Node::constant(made, to, span))
    }

    /// Whether it is true: the operand of `and`, a condition.
    pub(super) fn as_condition(&mut self, value: Node, of: &str) -> Result<Node, Mistake> {
        match value.of_type {
            Type::Boolean | Type::Unknown => self.coerce(value, Type::Boolean),
            other => Err(Mistake::new(
                value.span,
                format!("what `{of}` takes is true or false, and this is {other}: compare it"),
            )),
        }
    }

    /// The type that values of these types have in common.
    pub(super) fn common(&self, nodes: &[&Node], of: &str) -> Result<Type, Mistake> {
        let mut common = Type::Unknown;
        for node in nodes {
            let next = node.of_type;
            if next == Type::Unknown || next == common {
                continue;
            }
            if common == Type::Unknown {
                common = next;
            } else if next.category() != common.category() || next.category() == Category::Other {
                return Err(Mistake::new(
                    node.span,
                    format!(
                        "`{of}` has values of one type, and this is {next} where one before is \
                         {common}: cast one of them"
                    ),
                ));
            } else if !common.is_preferred()
                && common.is_implicit_to(next)
                && !next.is_implicit_to(common)
            {
                common = next;
            }
        }
        Ok(if common == Type::Unknown {
            Type::Text
        } else {
            common
        })
    }

    /// Values as of their common type.
    pub(super) fn as_common(
        &mut self,
        nodes: Vec<Node>,
        common: Type,
    ) -> Result<Vec<Node>, Mistake> {
        let mut found = Vec::with_capacity(nodes.len());
        for node in nodes {
            if node.of_type != Type::Unknown && !node.of_type.is_implicit_to(common) {
                let sentence = format!(
                    "{} does not become {common} by itself: cast it",
                    node.of_type
                );
                return Err(Mistake::new(node.span, sentence));
            }
            found.push(self.coerce(node, common)?);
        }
        Ok(found)
    }

    /// A cast that is written.
    pub(super) fn cast(&mut self, value: Node, to: &TypeName, span: Span) -> Result<Node, Mistake> {
        let Some(of_type) = Type::of_name(&to.text) else {
            return Err(unknown_type(to));
        };
        let is_plain = value.of_type == of_type && to.modifiers.is_empty();
        let known = value.of_type == Type::Unknown
            || value.of_type == of_type
            || function::cast(value.of_type, of_type).is_some();
        if !known {
            return Err(Mistake::new(
                span,
                format!("{} cannot be cast to {of_type}", value.of_type),
            ));
        }
        let decimal = if is_plain { value.decimal } else { None };
        let mut node = self.coerce(value, of_type)?;
        node.span = span;
        node.decimal = decimal;
        match (of_type, &to.modifiers[..]) {
            (_, []) => Ok(node),
            (Type::Numeric, [precision]) => self.fit(node, *precision, 0, to.span),
            (Type::Numeric, [precision, scale]) => self.fit(node, *precision, *scale, to.span),
            (Type::Text, [length]) if to.text != "text" && *length > 0 => {
                let prepared = Prepared::Length((*length).into());
                self.apply_prepared(&function::CUT, vec![node], Some(prepared), span)
            }
            _ => Err(Mistake::new(
                to.span,
                format!(
                    "`{}` has no numbers in brackets here: leave them out",
                    to.text
                ),
            )),
        }
    }

    fn fit(&mut self, node: Node, precision: u32, scale: u32, at: Span) -> Result<Node, Mistake> {
        if !(1..=PRECISION_MAX).contains(&precision) || scale > PRECISION_MAX {
            let sentence = "a numeric has 1 to 1000 digits, and at most 1000 after its point";
            return Err(Mistake::new(at, sentence));
        }
        let (precision, scale) = (precision as u16, scale as u16);
        let span = node.span;
        let prepared = Some(Prepared::Precision(precision, scale));
        let mut node = self.apply_prepared(&function::FIT, vec![node], prepared, span)?;
        node.decimal = Some((precision, scale));
        Ok(node)
    }

    /// A call whose arguments have their types.
    pub(super) fn apply(
        &mut self,
        function: &'static Function,
        arguments: Vec<Node>,
        span: Span,
    ) -> Result<Node, Mistake> {
        let prepared = match function.prepare {
            Some(prepare) => {
                let constants: Vec<_> = arguments.iter().map(Node::as_constant).collect();
                prepare(&constants).map_err(|(index, why)| {
                    let at = arguments.get(index).map_or(span, |argument| argument.span);
                    Mistake::new(at, why)
                })?
            }
            None => None,
        };
        self.apply_prepared(function, arguments, prepared, span)
    }

    /// The same, computed at once when all arguments are constants.
    pub(super) fn apply_prepared(
        &mut self,
        function: &'static Function,
        arguments: Vec<Node>,
        prepared: Option<Prepared>,
        span: Span,
    ) -> Result<Node, Mistake> {
        if let Some(why) = function.refused {
            return Err(Mistake::new(
                span,
                format!("`{}`: {why}", function.signature()),
            ));
        }
        let is_null = |argument: &Node| argument.as_constant().is_some_and(Value::is_null);
        if function.is_strict && arguments.iter().any(is_null) {
            // Whatever the others are, and even if they fail: PostgreSQL does not compute them.
            return Ok(Node::constant(Value::Null, function.gives, span));
        }
        let is_constant = arguments
            .iter()
            .all(|argument| argument.as_constant().is_some());
        let is_nullable =
            function.is_nullable || function.is_strict && arguments.iter().any(|a| a.is_nullable);
        let slot = self.slot();
        let kind = Kind::Call {
            function,
            arguments,
            prepared,
            slot,
        };
        let node = Node {
            kind,
            of_type: function.gives,
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

    /// The value of an expression without columns.
    pub(super) fn fold(&self, node: &Node) -> Result<Node, Mistake> {
        let slots: Vec<_> = (0..*self.slots).map(|_| Default::default()).collect();
        let failures = Failures::default();
        let environment = Environment::new(Vec::new(), &slots, &failures);
        let value = environment.run(node, &[true]).value(0);
        match failures.take().into_iter().flatten().next() {
            Some(failure) => Err(Mistake::new(node.span, failure)),
            None => Ok(Node::constant(value, node.of_type, node.span)),
        }
    }
}

fn unknown_type(to: &TypeName) -> Mistake {
    let other = OTHER_TYPES.iter().find(|(name, _)| *name == to.text);
    let advice = match other {
        Some((_, instead)) => format!(": take {instead}"),
        None => did_you_mean(&to.text, Type::NAMES.into_iter()),
    };
    Mistake::new(
        to.span,
        format!("there is no type `{}` here{advice}", to.text),
    )
}
