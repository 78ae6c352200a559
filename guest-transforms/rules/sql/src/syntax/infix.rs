//! Operators that are words: `and`, `is`, `in`, `between`, `like` and the like.

use super::parse::{Parser, power};
use super::token::Token;
use super::{Expression, Name, Span, Written};
use crate::mistake::Mistake;

impl Parser {
    pub(super) fn word_infix(
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
}

fn after_is(span: Span) -> Mistake {
    let sentence = "after `is` stands null, true, false, unknown or distinct from: compare values \
                    by `=`";
    Mistake::new(span, sentence)
}
