//! Which overload a call means: by PostgreSQL's rules.

use super::Resolver;
use crate::function::{self, Function};
use crate::mistake::Mistake;
use crate::syntax::{Name, Span};
use crate::tree::Node;
use crate::types::{Category, Type};

impl Resolver<'_> {
    /// The overload for these arguments.
    pub(super) fn overload(
        &self,
        name: &Name,
        arguments: &[Node],
        span: Span,
    ) -> Result<&'static Function, Mistake> {
        let types: Vec<Type> = arguments.iter().map(|argument| argument.of_type).collect();
        let named: Vec<_> = function::all()
            .filter(|f| f.name == name.text && f.takes.len() == types.len())
            .collect();
        match choose(&named, &types) {
            Choice::One(found) => Ok(found),
            Choice::None => Err(self.no_overload(name, arguments, span)),
            Choice::Several => Err(Mistake::new(
                span,
                format!(
                    "`{}` may be of several types here: cast an argument",
                    name.text
                ),
            )),
        }
    }
}

enum Choice {
    One(&'static Function),
    None,
    Several,
}

fn choose(named: &[&'static Function], types: &[Type]) -> Choice {
    let exact = |types: &[Type]| named.iter().find(|function| function.takes == types);
    if let Some(found) = exact(types) {
        return Choice::One(found);
    }
    // An operator whose one side is a literal is first looked for with two sides of one type.
    if let [left, right] = types
        && named.first().is_some_and(|function| function.is_operator())
    {
        let both = match (left, right) {
            (Type::Unknown, known) | (known, Type::Unknown) if *known != Type::Unknown => {
                exact(&[*known, *known])
            }
            _ => None,
        };
        if let Some(found) = both {
            return Choice::One(found);
        }
    }
    let fits = |function: &&'static Function| {
        let mut pairs = types.iter().zip(function.takes);
        pairs.all(|(from, to)| *from == Type::Unknown || from.is_implicit_to(*to))
    };
    let candidates: Vec<_> = named.iter().copied().filter(fits).collect();
    match candidates.as_slice() {
        [] => Choice::None,
        [one] => Choice::One(one),
        _ => select(candidates, types),
    }
}

/// Keeps those for which `count` is largest.
fn keep_best(
    candidates: Vec<&'static Function>,
    count: impl Fn(&Function) -> usize,
) -> Vec<&'static Function> {
    let best = candidates
        .iter()
        .map(|function| count(function))
        .max()
        .unwrap_or(0);
    candidates
        .into_iter()
        .filter(|function| count(function) == best)
        .collect()
}

/// As `func_select_candidate` of PostgreSQL does.
fn select(candidates: Vec<&'static Function>, types: &[Type]) -> Choice {
    let pairs = |function: &Function| -> Vec<(Type, Type)> {
        types
            .iter()
            .copied()
            .zip(function.takes.iter().copied())
            .collect()
    };
    let candidates = keep_best(candidates, |function| {
        pairs(function)
            .iter()
            .filter(|(from, to)| from == to)
            .count()
    });
    if let [one] = candidates.as_slice() {
        return Choice::One(one);
    }
    let candidates = keep_best(candidates, |function| {
        let is_good = |(from, to): &&(Type, Type)| {
            *from != Type::Unknown
                && (from == to || from.category() == to.category() && to.is_preferred())
        };
        pairs(function).iter().filter(is_good).count()
    });
    if let [one] = candidates.as_slice() {
        return Choice::One(one);
    }
    if !types.contains(&Type::Unknown) {
        return Choice::Several;
    }
    by_literals(candidates, types)
}

/// What a literal means where several types would do: a text, if one takes a text.
fn by_literals(candidates: Vec<&'static Function>, types: &[Type]) -> Choice {
    let mut kept = candidates.clone();
    let mut is_clear = true;
    for (at, _) in types
        .iter()
        .enumerate()
        .filter(|(_, of_type)| **of_type == Type::Unknown)
    {
        let is_text = candidates
            .iter()
            .any(|f| f.takes[at].category() == Category::Text);
        let first = candidates[0].takes[at].category();
        let category = if is_text { Category::Text } else { first };
        if !is_text && candidates.iter().any(|f| f.takes[at].category() != first) {
            is_clear = false;
            break;
        }
        let of_category = |f: &&Function| f.takes[at].category() == category;
        let has_preferred = candidates
            .iter()
            .any(|f| of_category(f) && f.takes[at].is_preferred());
        kept.retain(|f| of_category(f) && (!has_preferred || f.takes[at].is_preferred()));
    }
    if !is_clear || kept.is_empty() {
        kept = candidates;
    }
    if let [one] = kept.as_slice() {
        return Choice::One(one);
    }
    // Literals of the type that all others have.
    let known: Vec<Type> = types
        .iter()
        .copied()
        .filter(|t| *t != Type::Unknown)
        .collect();
    if let Some(first) = known.first()
        && known.iter().all(|of_type| of_type == first)
    {
        let fits: Vec<_> = kept
            .iter()
            .filter(|f| {
                f.takes
                    .iter()
                    .all(|takes| first == takes || first.is_implicit_to(*takes))
            })
            .collect();
        if let [one] = fits.as_slice() {
            return Choice::One(one);
        }
    }
    Choice::Several
}
