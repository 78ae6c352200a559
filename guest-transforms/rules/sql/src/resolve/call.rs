//! Calls of functions and operators, and what is said of those that are not there.

use super::{Resolver, refused};
use crate::function;
use crate::mistake::{Mistake, did_you_mean};
use crate::syntax::{Name, Span};
use crate::tree::Node;
use crate::types::Type;

/// Functions whose type follows from their arguments: they are not in the table.
pub(crate) const SHAPED: [&str; 6] = [
    "coalesce",
    "concat",
    "concat_ws",
    "greatest",
    "least",
    "nullif",
];

impl Resolver<'_> {
    pub(super) fn call(
        &mut self,
        name: &Name,
        mut arguments: Vec<Node>,
        span: Span,
    ) -> Result<Node, Mistake> {
        refused::check(name, arguments.len())?;
        // An interval is added from either side.
        if name.text == "+"
            && let [left, right] = &mut arguments[..]
            && left.of_type == Type::Interval
        {
            std::mem::swap(left, right);
        }
        if let Some(node) = self.shaped(name, &mut arguments, span)? {
            return Ok(node);
        }
        let function = self.overload(name, &arguments, span)?;
        let mut coerced = Vec::with_capacity(arguments.len());
        for (argument, takes) in arguments.into_iter().zip(function.takes) {
            coerced.push(self.coerce(argument, *takes)?);
        }
        self.apply(function, coerced, span)
    }

    /// Why no overload was found, and what would do.
    pub(super) fn no_overload(&self, name: &Name, arguments: &[Node], span: Span) -> Mistake {
        let types: Vec<&str> = arguments.iter().map(|a| type_name(a.of_type)).collect();
        let is_operator = !name.text.starts_with(|c: char| c.is_ascii_alphabetic());
        let call = match (is_operator, &types[..]) {
            (true, [left, right]) => format!("{left} {} {right}", name.text),
            (true, [only]) => format!("{} {only}", name.text),
            _ => format!("{}({})", name.text, types.join(", ")),
        };
        let named: Vec<_> = function::all().filter(|f| f.name == name.text).collect();
        if named.is_empty() {
            let names = function::all().filter(|f| f.is_operator() == is_operator);
            let names = names.map(|f| f.name).chain(SHAPED);
            let near = match is_operator {
                true => String::new(),
                false => did_you_mean(&name.text, names),
            };
            let kind = if is_operator { "operator" } else { "function" };
            return Mistake::new(name.span, format!("no {kind} `{call}` is here{near}"));
        }
        if let Some(cast) = self.with_cast(name, arguments, is_operator) {
            return Mistake::new(span, format!("`{call}` does not exist: cast it, `{cast}`"));
        }
        let mut known: Vec<String> = named
            .iter()
            .filter(|f| f.refused.is_none())
            .map(|f| format!("`{}`", f.signature()))
            .collect();
        known.dedup();
        Mistake::new(
            span,
            format!("`{call}` does not exist: there are {}", known.join(", ")),
        )
    }

    /// The call with the casts that would make it one that is there.
    fn with_cast(&self, name: &Name, arguments: &[Node], is_operator: bool) -> Option<String> {
        let fits = |from: Type, to: Type| from == Type::Unknown || from.is_implicit_to(to);
        let found = function::all()
            .filter(|f| f.name == name.text && f.takes.len() == arguments.len())
            .filter(|f| f.refused.is_none())
            .filter(|f| {
                let mut pairs = arguments.iter().zip(f.takes);
                pairs.all(|(argument, to)| {
                    fits(argument.of_type, *to) || function::cast(argument.of_type, *to).is_some()
                })
            })
            // A cast to text always works, so it is offered first.
            .min_by_key(|f| {
                let pairs = arguments.iter().zip(f.takes);
                pairs
                    .filter(|(argument, to)| !fits(argument.of_type, **to))
                    .map(|(_, to)| if *to == Type::Text { 1 } else { 2 })
                    .sum::<usize>()
            })?;
        let written: Vec<String> = arguments
            .iter()
            .zip(found.takes)
            .map(|(argument, to)| {
                let text = self.written(argument.span);
                match fits(argument.of_type, *to) {
                    true => text.to_owned(),
                    false if text.contains(' ') && !text.starts_with('(') => {
                        format!("({text})::{to}")
                    }
                    false => format!("{text}::{to}"),
                }
            })
            .collect();
        Some(match (is_operator, &written[..]) {
            (true, [left, right]) => format!("{left} {} {right}", name.text),
            (true, [only]) => format!("{}{only}", name.text),
            _ => format!("{}({})", name.text, written.join(", ")),
        })
    }
}

fn type_name(of_type: Type) -> &'static str {
    of_type.short()
}
