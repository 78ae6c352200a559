//! Expressions as they are written.

mod infix;
mod parse;
pub(crate) mod special;
mod token;

pub(crate) use parse::parse;

/// A place in the text of an expression: bytes, the end exclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Span {
    /// From the start of one to the end of another.
    pub(crate) fn to(self, other: Self) -> Self {
        Self {
            start: self.start,
            end: other.end,
        }
    }
}

/// An expression without types.
#[derive(Clone, Debug)]
pub(crate) struct Expression {
    pub(crate) kind: Written,
    pub(crate) span: Span,
}

#[derive(Clone, Debug)]
pub(crate) enum Written {
    Null,
    Bool(bool),
    /// Digits, perhaps with a point and an exponent.
    Number(String),
    /// What stands in quotes.
    Text(String),
    Column(String),
    /// A function, or an operator by its symbol.
    Call {
        name: Name,
        arguments: Vec<Expression>,
    },
    Cast {
        value: Box<Expression>,
        to: TypeName,
    },
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    Case {
        operand: Option<Box<Expression>>,
        branches: Vec<(Expression, Expression)>,
        otherwise: Option<Box<Expression>>,
    },
    In {
        value: Box<Expression>,
        list: Vec<Expression>,
    },
    /// `is null`, and `is true`, `false` and `unknown`.
    Is {
        value: Box<Expression>,
        what: Option<bool>,
        is_null: bool,
    },
    Distinct(Box<Expression>, Box<Expression>),
}

/// The name of a function or an operator, with its place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) span: Span,
}

/// A type in a cast, with the numbers in brackets.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TypeName {
    pub(crate) text: String,
    pub(crate) modifiers: Vec<u32>,
    pub(crate) span: Span,
}

impl Expression {
    pub(crate) fn new(kind: Written, span: Span) -> Self {
        Self { kind, span }
    }

    pub(crate) fn call(name: Name, arguments: Vec<Self>, span: Span) -> Self {
        Self {
            kind: Written::Call { name, arguments },
            span,
        }
    }

    /// `not` of the expression.
    pub(crate) fn negated(self) -> Self {
        let span = self.span;
        let name = Name {
            text: "not".to_owned(),
            span,
        };
        Self::call(name, vec![self], span)
    }
}
