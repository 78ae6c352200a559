//! Expressions of words, with the precedence that PostgreSQL gives operators.

use super::token::{Token, tokens};
use super::{Expression, Name, Span, TypeName, Written};
use crate::mistake::Mistake;

/// How tightly operators bind.
pub(super) mod power {
    pub(in crate::syntax) const OR: u8 = 1;
    pub(in crate::syntax) const AND: u8 = 2;
    pub(in crate::syntax) const NOT: u8 = 3;
    pub(in crate::syntax) const IS: u8 = 4;
    pub(in crate::syntax) const COMPARISON: u8 = 5;
    pub(in crate::syntax) const LIKE: u8 = 6;
    pub(in crate::syntax) const OTHER: u8 = 7;
    pub(in crate::syntax) const SUM: u8 = 8;
    pub(in crate::syntax) const PRODUCT: u8 = 9;
    pub(in crate::syntax) const POWER: u8 = 10;
    pub(in crate::syntax) const TIME_ZONE: u8 = 11;
    pub(in crate::syntax) const SIGN: u8 = 13;
    pub(in crate::syntax) const CAST: u8 = 14;
}

/// Brackets in brackets: far more than a person writes, and far from the end of the stack.
const DEPTH_MAX: usize = 60;

/// Words of an expression, for the same reason.
const WORDS_MAX: usize = 4000;

/// Operators in a row, for the same reason.
const CHAIN_MAX: usize = 100;

/// Reads a whole expression.
pub(crate) fn parse(text: &str) -> Result<Expression, Mistake> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
        depth: 0,
    };
    if parser.tokens.len() > WORDS_MAX {
        let sentence = "the expression has more than 4000 words: write parts of it as columns of \
                        their own";
        return Err(Mistake::new(parser.tokens[WORDS_MAX].1, sentence));
    }
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

    pub(super) fn peek_after(&self, more: usize) -> &Token {
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
            "more than 100 operators follow each other here: write a part of it as a \
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
