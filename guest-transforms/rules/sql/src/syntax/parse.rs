//! Expressions of words, with the precedence that PostgreSQL gives operators.

use super::token::{Token, tokens};
use super::{Expression, Name, Span, TypeName, Written};
use crate::mistake::Mistake;

/// How tightly operators bind.
mod power {
    pub(super) const OR: u8 = 1;
    pub(super) const AND: u8 = 2;
    pub(super) const NOT: u8 = 3;
    pub(super) const IS: u8 = 4;
    pub(super) const COMPARISON: u8 = 5;
    pub(super) const LIKE: u8 = 6;
    pub(super) const OTHER: u8 = 7;
    pub(super) const SUM: u8 = 8;
    pub(super) const PRODUCT: u8 = 9;
    pub(super) const POWER: u8 = 10;
    pub(super) const TIME_ZONE: u8 = 11;
    pub(super) const SIGN: u8 = 13;
    pub(super) const CAST: u8 = 14;
}

/// Brackets in brackets: far more than a person writes, and far from the end of the stack.
const DEPTH_MAX: usize = 60;

/// Operators in a row, for the same reason.
const CHAIN_MAX: usize = 200;

/// Reads a whole expression.
pub(crate) fn parse(text: &str) -> Result<Expression, Mistake> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
        depth: 0,
    };
    if *parser.peek() == Token::End {
        return Err(Mistake::new(Span::default(), "the expression is empty"));
    }
    let found = parser.expression(0)?;
    match parser.peek() {
        Token::End => Ok(found),
        Token::Mark(";") => Err(parser.wrong("`;` ends a statement: write one expression alone")),
        Token::Word(word) if word == "over" || word == "filter" => Err(parser.wrong(
            "a window looks at other rows, and an expression sees one row: there is no `over` here",
        )),
        Token::Word(word) if word == "from" || word == "where" || word == "as" => {
            let sentence =
                format!("`{word}` is of a query: write the expression of one column alone");
            Err(parser.wrong(&sentence))
        }
        _ => Err(parser.wrong("an operator is missing before this")),
    }
}

pub(super) struct Parser {
    tokens: Vec<(Token, Span)>,
    at: usize,
    depth: usize,
}

impl Parser {
    pub(super) fn peek(&self) -> &Token {
        &self.tokens[self.at].0
    }

    fn peek_after(&self, more: usize) -> &Token {
        &self.tokens[(self.at + more).min(self.tokens.len() - 1)].0
    }

    pub(super) fn span(&self) -> Span {
        self.tokens[self.at].1
    }

    /// The place of what was read last.
    pub(super) fn last_span(&self) -> Span {
        self.tokens[self.at.saturating_sub(1)].1
    }

    pub(super) fn next(&mut self) -> (Token, Span) {
        let token = self.tokens[self.at].clone();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        token
    }

    pub(super) fn wrong(&self, sentence: &str) -> Mistake {
        Mistake::new(self.span(), sentence)
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Word(found) if found == word)
    }

    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let is_word = self.is_word(word);
        self.at += usize::from(is_word);
        is_word
    }

    pub(super) fn take_mark(&mut self, mark: &'static str) -> bool {
        let is_mark = *self.peek() == Token::Mark(mark);
        self.at += usize::from(is_mark);
        is_mark
    }

    pub(super) fn expect_word(&mut self, word: &str) -> Result<(), Mistake> {
        match self.take_word(word) {
            true => Ok(()),
            false => Err(self.wrong(&format!("`{word}` is missing here"))),
        }
    }

    pub(super) fn expect_mark(&mut self, mark: &'static str) -> Result<(), Mistake> {
        match self.take_mark(mark) {
            true => Ok(()),
            false => Err(self.wrong(&format!("`{mark}` is missing here"))),
        }
    }

    /// An expression whose operators bind tighter than `above`.
    pub(super) fn expression(&mut self, above: u8) -> Result<Expression, Mistake> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.wrong(
                "more than 60 expressions stand in each other here: write a part \
                                   of it as a column of its own",
            ));
        }
        let mut left = self.prefix()?;
        for _ in 0..CHAIN_MAX {
            let longer;
            (left, longer) = self.infix(left, above)?;
            if !longer {
                self.depth -= 1;
                return Ok(left);
            }
        }
        Err(self.wrong(
            "more than 200 operators follow each other here: write a part of it as a \
                        column of its own, or `in (..)`",
        ))
    }

    fn prefix(&mut self) -> Result<Expression, Mistake> {
        let start = self.span();
        if self.take_word("not") {
            let value = self.expression(power::NOT - 1)?;
            let span = start.to(value.span);
            let name = Name {
                text: "not".to_owned(),
                span: start,
            };
            return Ok(Expression::call(name, vec![value], span));
        }
        if let Token::Operator(symbol) = self.peek().clone() {
            if symbol != "-" && symbol != "+" {
                let sentence = format!("a value is missing before `{symbol}`");
                return Err(self.wrong(&sentence));
            }
            self.next();
            let value = self.expression(power::SIGN)?;
            let span = start.to(value.span);
            // The sign of a literal is a part of it.
            if let (Written::Number(number), "-") = (&value.kind, symbol.as_str()) {
                let number = match number.strip_prefix('-') {
                    Some(number) => number.to_owned(),
                    None => format!("-{number}"),
                };
                return Ok(Expression::new(Written::Number(number), span));
            }
            let name = Name {
                text: symbol,
                span: start,
            };
            return Ok(Expression::call(name, vec![value], span));
        }
        self.primary()
    }

    /// `left` with the next operator and its right side, when it binds tighter than `above`, and
    /// whether it does.
    fn infix(&mut self, left: Expression, above: u8) -> Result<(Expression, bool), Mistake> {
        match self.peek().clone() {
            Token::Mark("::") if power::CAST > above => {
                self.next();
                let to = self.type_name()?;
                let span = left.span.to(to.span);
                Ok((
                    Expression::new(
                        Written::Cast {
                            value: left.into(),
                            to,
                        },
                        span,
                    ),
                    true,
                ))
            }
            Token::Mark("[") => Err(self.wrong(
                "elements of arrays are not taken here: `split_part` takes a part of a text, `->` \
                 one of JSON",
            )),
            Token::Operator(symbol) => {
                let power = match symbol.as_str() {
                    "<" | ">" | "=" | "<=" | ">=" | "<>" => power::COMPARISON,
                    "+" | "-" => power::SUM,
                    "*" | "/" | "%" => power::PRODUCT,
                    "^" => power::POWER,
                    _ => power::OTHER,
                };
                if power <= above {
                    return Ok((left, false));
                }
                let (_, span) = self.next();
                let right = self.expression(power)?;
                if power == power::COMPARISON {
                    self.check_single_comparison()?;
                }
                let whole = left.span.to(right.span);
                let name = Name { text: symbol, span };
                Ok((Expression::call(name, vec![left, right], whole), true))
            }
            Token::Word(word) => self.word_infix(left, &word, above),
            _ => Ok((left, false)),
        }
    }

    fn check_single_comparison(&self) -> Result<(), Mistake> {
        match self.peek() {
            Token::Operator(symbol)
                if matches!(&**symbol, "<" | ">" | "=" | "<=" | ">=" | "<>") =>
            {
                Err(self.wrong("comparisons do not chain: join them by `and`"))
            }
            _ => Ok(()),
        }
    }

    fn word_infix(
        &mut self,
        left: Expression,
        word: &str,
        above: u8,
    ) -> Result<(Expression, bool), Mistake> {
        let (power, is_negated) = match word {
            "or" => (power::OR, false),
            "and" => (power::AND, false),
            "is" | "isnull" | "notnull" => (power::IS, false),
            "in" | "like" | "ilike" | "between" | "similar" => (power::LIKE, false),
            "not" => match self.peek_after(1) {
                Token::Word(next)
                    if matches!(&**next, "in" | "like" | "ilike" | "between" | "similar") =>
                {
                    (power::LIKE, true)
                }
                _ => return Ok((left, false)),
            },
            "at" => (power::TIME_ZONE, false),
            "collate" => {
                return Err(self.wrong(
                    "texts compare by their bytes here, the collation C: leave \
                                       `collate` out",
                ));
            }
            _ => return Ok((left, false)),
        };
        if power <= above {
            return Ok((left, false));
        }
        self.next();
        let found = match word {
            "or" | "and" => {
                let right = self.expression(power)?;
                let span = left.span.to(right.span);
                let (left, right) = (Box::new(left), Box::new(right));
                let kind = match word {
                    "or" => Written::Or(left, right),
                    _ => Written::And(left, right),
                };
                Expression::new(kind, span)
            }
            "is" => self.is(left)?,
            "isnull" | "notnull" => {
                let span = left.span.to(self.last_span());
                let kind = Written::Is {
                    value: left.into(),
                    what: None,
                    is_null: true,
                };
                let is_null = Expression::new(kind, span);
                if word == "isnull" {
                    is_null
                } else {
                    is_null.negated()
                }
            }
            "at" => self.time_zone(left)?,
            _ => {
                let word = match is_negated {
                    true => match self.next() {
                        (Token::Word(word), _) => word,
                        _ => word.to_owned(),
                    },
                    false => word.to_owned(),
                };
                let found = self.matched(left, &word)?;
                if is_negated { found.negated() } else { found }
            }
        };
        Ok((found, true))
    }

    /// What follows `in`, `between` and `like`.
    fn matched(&mut self, left: Expression, word: &str) -> Result<Expression, Mistake> {
        let word_span = self.last_span();
        match word {
            "in" => self.in_list(left),
            "between" => self.between(left),
            "similar" => Err(Mistake::new(
                word_span,
                "`similar to` is not taken here: write `like`, or a regular expression with `~`",
            )),
            _ => {
                let pattern = self.expression(power::LIKE)?;
                let mut span = left.span.to(pattern.span);
                let mut arguments = vec![left, pattern];
                if self.take_word("escape") {
                    let escape = self.expression(power::LIKE)?;
                    span = span.to(escape.span);
                    arguments.push(escape);
                }
                let name = Name {
                    text: word.to_owned(),
                    span: word_span,
                };
                Ok(Expression::call(name, arguments, span))
            }
        }
    }

    fn between(&mut self, value: Expression) -> Result<Expression, Mistake> {
        let span = self.last_span();
        if self.is_word("symmetric") {
            return Err(self.wrong(
                "`between symmetric` is not taken here: put the smaller bound \
                                   first",
            ));
        }
        self.take_word("asymmetric");
        let low = self.expression(power::LIKE)?;
        self.expect_word("and")?;
        let high = self.expression(power::LIKE)?;
        let whole = value.span.to(high.span);
        let compare = |symbol: &str, bound: Expression| {
            let name = Name {
                text: symbol.to_owned(),
                span,
            };
            let span = value.span.to(bound.span);
            Box::new(Expression::call(name, vec![value.clone(), bound], span))
        };
        let kind = Written::And(compare(">=", low), compare("<=", high));
        Ok(Expression::new(kind, whole))
    }

    fn in_list(&mut self, value: Expression) -> Result<Expression, Mistake> {
        self.expect_mark("(")?;
        let list = self.list()?;
        let span = value.span.to(self.last_span());
        Ok(Expression::new(
            Written::In {
                value: value.into(),
                list,
            },
            span,
        ))
    }

    /// Expressions between commas, up to the closing bracket.
    pub(super) fn list(&mut self) -> Result<Vec<Expression>, Mistake> {
        let mut list = vec![self.expression(0)?];
        while self.take_mark(",") {
            list.push(self.expression(0)?);
        }
        self.expect_mark(")")?;
        Ok(list)
    }

    fn is(&mut self, left: Expression) -> Result<Expression, Mistake> {
        let is_negated = self.take_word("not");
        let start = left.span;
        let is = |value: Expression, what, is_null, end: Span| {
            let kind = Written::Is {
                value: value.into(),
                what,
                is_null,
            };
            Expression::new(kind, start.to(end))
        };
        let found = match self.next() {
            (Token::Word(word), end) => match word.as_str() {
                "null" => is(left, None, true, end),
                "true" => is(left, Some(true), false, end),
                "false" => is(left, Some(false), false, end),
                "unknown" => is(left, None, false, end),
                "distinct" => {
                    self.expect_word("from")?;
                    let right = self.expression(power::IS)?;
                    let span = start.to(right.span);
                    Expression::new(Written::Distinct(left.into(), right.into()), span)
                }
                _ => return Err(after_is(end)),
            },
            (_, end) => return Err(after_is(end)),
        };
        Ok(if is_negated { found.negated() } else { found })
    }

    fn time_zone(&mut self, value: Expression) -> Result<Expression, Mistake> {
        let span = self.last_span();
        self.expect_word("time")?;
        self.expect_word("zone")?;
        let zone = self.expression(power::TIME_ZONE)?;
        let whole = value.span.to(zone.span);
        let name = Name {
            text: "timezone".to_owned(),
            span,
        };
        Ok(Expression::call(name, vec![zone, value], whole))
    }

    /// A type, with what it has in brackets.
    pub(super) fn type_name(&mut self) -> Result<TypeName, Mistake> {
        let start = self.span();
        let mut text = match self.next() {
            (Token::Word(word), _) => word,
            (_, span) => return Err(Mistake::new(span, "the name of a type is missing here")),
        };
        if text == "double" && self.take_word("precision") {
            text.push_str(" precision");
        }
        if text == "character" && self.take_word("varying") {
            text.push_str(" varying");
        }
        let mut modifiers = Vec::new();
        if self.take_mark("(") {
            loop {
                match self.next() {
                    (Token::Number(number), span) => modifiers.push(
                        number
                            .parse()
                            .map_err(|_| Mistake::new(span, "no whole number"))?,
                    ),
                    (_, span) => return Err(Mistake::new(span, "a number is missing here")),
                }
                if !self.take_mark(",") {
                    break;
                }
            }
            self.expect_mark(")")?;
        }
        if matches!(&*text, "time" | "timestamp") {
            for (word, suffix) in [
                ("with", " with time zone"),
                ("without", " without time zone"),
            ] {
                let is_zone = matches!(self.peek_after(1), Token::Word(next) if next == "time");
                if is_zone && self.take_word(word) {
                    self.expect_word("time")?;
                    self.expect_word("zone")?;
                    text.push_str(suffix);
                }
            }
        }
        if *self.peek() == Token::Mark("[") {
            return Err(self.wrong("there are no arrays here"));
        }
        Ok(TypeName {
            text,
            modifiers,
            span: start.to(self.last_span()),
        })
    }
}

fn after_is(span: Span) -> Mistake {
    let sentence = "after `is` stands null, true, false, unknown or distinct from: compare values \
                    by `=`";
    Mistake::new(span, sentence)
}
