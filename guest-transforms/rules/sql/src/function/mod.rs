//! The functions and operators: one table, of which expressions, their types and the reference
//! are made.

mod cast;
mod compare;
mod hash;
mod json;
mod logic;
mod number;
mod part;
mod pattern;
mod text;
mod time;

use std::rc::Rc;

use crate::call::Call;
use crate::column::Column;
use crate::like::Like;
use crate::regex::Pattern;
use crate::time::{Field, Format, Interval};
use crate::types::Type;
use crate::value::Value;

pub(crate) use part::trim_spaces;

/// Runs a function for all rows.
pub(crate) type Run = for<'x, 'c, 'a> fn(&'x Call<'c, 'a>) -> Column<'a>;

/// Makes of a function's constant arguments what all rows use. An error says which argument is
/// wrong.
pub(crate) type Prepare = fn(&[Option<&Value>]) -> Result<Option<Prepared>, (usize, String)>;

/// What is made of constants, once.
#[derive(Clone, Debug)]
pub(crate) enum Prepared {
    Like(Like),
    Pattern(Rc<Pattern>),
    /// Texts by length and then by bytes, and whether null is among them.
    Set {
        values: Vec<String>,
        has_null: bool,
    },
    Field(Field),
    Format(Format),
    Interval(Interval),
    Path(Vec<Option<String>>),
    Precision(u16, u16),
    Length(i64),
    Name(&'static str),
}

/// An overload of a function or of an operator.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) takes: &'static [Type],
    pub(crate) gives: Type,
    /// Whether any null argument makes it null, without being called.
    pub(crate) is_strict: bool,
    /// Whether it may be null though no argument is, or of a function that is not strict, at all.
    pub(crate) is_nullable: bool,
    pub(crate) run: Run,
    pub(crate) prepare: Option<Prepare>,
    /// Why it is not here, though PostgreSQL has it.
    pub(crate) refused: Option<&'static str>,
}

/// A function of values that are not null.
const fn strict(name: &'static str, takes: &'static [Type], gives: Type, run: Run) -> Function {
    Function {
        name,
        takes,
        gives,
        is_strict: true,
        is_nullable: false,
        run,
        prepare: None,
        refused: None,
    }
}

/// What PostgreSQL has and expressions here have not.
const fn refused(
    name: &'static str,
    takes: &'static [Type],
    gives: Type,
    why: &'static str,
) -> Function {
    let mut function = strict(name, takes, gives, |call| call.to_bools(|_| Ok(None)));
    function.refused = Some(why);
    function
}

impl Function {
    const fn nullable(mut self) -> Self {
        self.is_nullable = true;
        self
    }

    const fn lenient(mut self) -> Self {
        self.is_strict = false;
        self
    }

    const fn with(mut self, prepare: Prepare) -> Self {
        self.prepare = Some(prepare);
        self
    }

    /// Whether it is written between or before its arguments.
    pub(crate) fn is_operator(&self) -> bool {
        !self.name.starts_with(|c: char| c.is_ascii_alphabetic())
    }

    /// `name(type, ..)`.
    pub(crate) fn signature(&self) -> String {
        let takes: Vec<&str> = self.takes.iter().map(|t| t.short()).collect();
        match (self.is_operator(), &takes[..]) {
            (true, [left, right]) => format!("{left} {} {right}", self.name),
            _ => format!("{}({})", self.name, takes.join(", ")),
        }
    }
}

/// All functions and operators by name.
pub(crate) fn all() -> impl Iterator<Item = &'static Function> {
    [
        compare::FUNCTIONS,
        number::WHOLE,
        number::FUNCTIONS,
        text::FUNCTIONS,
        text::MORE,
        pattern::FUNCTIONS,
        time::TIMESTAMPS,
        time::FUNCTIONS,
        json::FUNCTIONS,
        hash::FUNCTIONS,
    ]
    .into_iter()
    .flatten()
}

/// The function that makes a `to` of a `from`.
pub(crate) fn cast(from: Type, to: Type) -> Option<&'static Function> {
    cast::FUNCTIONS
        .iter()
        .flat_map(|casts| casts.iter())
        .find(|cast| cast.takes[0] == from && cast.gives == to)
}

pub(crate) use cast::{CUT, FIT, LETTER};
pub(crate) use compare::{DISTINCT, GREATEST, LEAST, NULLIF, is_ordered};
pub(crate) use json::parse_path;
pub(crate) use logic::{CONCAT, CONCAT_WS, IN_TEXTS, IS_FALSE, IS_NULL, IS_TRUE, NOT};
pub(crate) use time::{is_moment, parse_interval};
