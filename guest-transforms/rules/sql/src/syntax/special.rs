//! Values, names, brackets, and the functions that have words between their arguments.

use super::parse::Parser;
use super::token::Token;
use super::{Expression, Name, Span, TypeName, Written};
use crate::mistake::Mistake;

/// Words that stand for the time of the query.
const CLOCKS: [&str; 5] = [
    "current_date",
    "current_time",
    "current_timestamp",
    "localtime",
    "localtimestamp",
];

/// Types whose name may stand before a literal.
const LITERALS: [&str; 17] = [
    "interval",
    "date",
    "time",
    "timestamp",
    "timestamptz",
    "uuid",
    "numeric",
    "decimal",
    "jsonb",
    "json",
    "text",
    "bytea",
    "int4",
    "int8",
    "float8",
    "bool",
    "boolean",
];

impl Parser {
    /// A value, a name, a call, `case`, or an expression in brackets.
    pub(super) fn primary(&mut self) -> Result<Expression, Mistake> {
        let (token, span) = self.next();
        match token {
            Token::Text(text) => Ok(Expression::new(Written::Text(text), span)),
            Token::Number(number) => Ok(Expression::new(Written::Number(number), span)),
            Token::Quoted(name) => self.column(name, span),
            Token::Word(word) => self.word(word, span),
            Token::Mark("(") => {
                self.check_no_query()?;
                let inner = self.expression(0)?;
                if *self.peek() == Token::Mark(",") {
                    return Err(self.wrong("rows are not compared here: compare column by column"));
                }
                self.expect_mark(")")?;
                Ok(Expression::new(inner.kind, span.to(self.last_span())))
            }
            Token::End => Err(Mistake::new(
                span,
                "the expression ends where a value is missing",
            )),
            Token::Mark(mark) => Err(Mistake::new(
                span,
                format!("a value is missing before `{mark}`"),
            )),
            Token::Operator(symbol) => Err(Mistake::new(
                span,
                format!("a value is missing before `{symbol}`"),
            )),
        }
    }

    fn check_no_query(&self) -> Result<(), Mistake> {
        match self.is_word("select") || self.is_word("with") || self.is_word("values") {
            true => Err(self.wrong(
                "an expression sees one row and no table: there are no queries here; `joins` looks \
                 rows of a dimension up",
            )),
            false => Ok(()),
        }
    }

    fn word(&mut self, word: String, span: Span) -> Result<Expression, Mistake> {
        let is_call = *self.peek() == Token::Mark("(");
        match word.as_str() {
            "null" => return Ok(Expression::new(Written::Null, span)),
            "true" => return Ok(Expression::new(Written::Bool(true), span)),
            "false" => return Ok(Expression::new(Written::Bool(false), span)),
            "case" => return self.case(span),
            "select" => {
                let sentence = "write the expression of one column alone, without `select`";
                return Err(Mistake::new(span, sentence));
            }
            "array" | "row" if is_call || *self.peek() == Token::Mark("[") => {
                let sentence = "there are no arrays and rows here: write columns of their own";
                return Err(Mistake::new(span, sentence));
            }
            "exists" | "any" | "all" | "some" if is_call => {
                return Err(Mistake::new(
                    span,
                    format!(
                        "`{word}` asks a query or an array, which are not here: write `in (..)`"
                    ),
                ));
            }
            _ if CLOCKS.contains(&&*word) => return Err(clock(&word, span)),
            _ => {}
        }
        if let Some(literal) = self.literal(&word, span)? {
            return Ok(literal);
        }
        if !is_call {
            return self.column(word, span);
        }
        self.next();
        let name = Name { text: word, span };
        let arguments = match name.text.as_str() {
            "cast" => return self.cast(span),
            "extract" => self.extract()?,
            "position" => self.position()?,
            "substring" => self.substring()?,
            "trim" => return self.trim(span),
            _ => self.arguments()?,
        };
        let whole = span.to(self.last_span());
        if let Token::Word(word) = self.peek()
            && (word == "over" || word == "filter" || word == "within")
        {
            return Err(self
                .wrong("an expression sees one row: there are no windows and no aggregates here"));
        }
        Ok(Expression::call(name, arguments, whole))
    }

    /// `date '2024-01-01'`: a type before a text.
    fn literal(&mut self, word: &str, span: Span) -> Result<Option<Expression>, Mistake> {
        let is_double = word == "double" && self.is_word("precision");
        let is_zoned = self.is_word("with") || self.is_word("without");
        let is_text = matches!(self.peek(), Token::Text(_));
        if !(LITERALS.contains(&word) && (is_text || is_zoned) || is_double) {
            return Ok(None);
        }
        let mut to = TypeName {
            text: word.to_owned(),
            modifiers: Vec::new(),
            span,
        };
        if is_double {
            self.next();
            to.text = "double precision".to_owned();
        } else if is_zoned {
            let with = self.take_word("with");
            if !with {
                self.next();
            }
            self.expect_word("time")?;
            self.expect_word("zone")?;
            to.text.push_str(if with {
                " with time zone"
            } else {
                " without time zone"
            });
        }
        match self.next() {
            (Token::Text(text), end) => {
                let value = Box::new(Expression::new(Written::Text(text), end));
                Ok(Some(Expression::new(
                    Written::Cast { value, to },
                    span.to(end),
                )))
            }
            (_, end) => Err(Mistake::new(end, "a text in quotes is missing here")),
        }
    }

    fn column(&mut self, name: String, span: Span) -> Result<Expression, Mistake> {
        if *self.peek() == Token::Mark(".") {
            return Err(self.wrong(
                "columns have one name, without a table before it; one with a dot stands in double \
                 quotes",
            ));
        }
        Ok(Expression::new(Written::Column(name), span))
    }

    fn arguments(&mut self) -> Result<Vec<Expression>, Mistake> {
        if self.take_mark(")") {
            return Ok(Vec::new());
        }
        if matches!(self.peek(), Token::Operator(symbol) if symbol == "*")
            || self.is_word("distinct")
        {
            return Err(self.wrong("an expression sees one row: there are no aggregates here"));
        }
        self.check_no_query()?;
        self.list()
    }

    fn case(&mut self, start: Span) -> Result<Expression, Mistake> {
        let operand = match self.is_word("when") {
            true => None,
            false => Some(Box::new(self.expression(0)?)),
        };
        let mut branches = Vec::new();
        while self.take_word("when") {
            let condition = self.expression(0)?;
            self.expect_word("then")?;
            branches.push((condition, self.expression(0)?));
        }
        if branches.is_empty() {
            return Err(self.wrong("`when` is missing here"));
        }
        let otherwise = match self.take_word("else") {
            true => Some(Box::new(self.expression(0)?)),
            false => None,
        };
        if !self.take_word("end") {
            return Err(self.wrong("the `case` does not end: close it with `end`"));
        }
        let span = start.to(self.last_span());
        Ok(Expression::new(
            Written::Case {
                operand,
                branches,
                otherwise,
            },
            span,
        ))
    }

    fn cast(&mut self, start: Span) -> Result<Expression, Mistake> {
        let value = Box::new(self.expression(0)?);
        self.expect_word("as")?;
        let to = self.type_name()?;
        self.expect_mark(")")?;
        let span = start.to(self.last_span());
        Ok(Expression::new(Written::Cast { value, to }, span))
    }

    fn extract(&mut self) -> Result<Vec<Expression>, Mistake> {
        let field = match self.next() {
            (Token::Word(text) | Token::Text(text), span) => {
                Expression::new(Written::Text(text), span)
            }
            (_, span) => return Err(Mistake::new(span, "a field as `year` is missing here")),
        };
        self.expect_word("from")?;
        let value = self.expression(0)?;
        self.expect_mark(")")?;
        Ok(vec![field, value])
    }

    fn position(&mut self) -> Result<Vec<Expression>, Mistake> {
        // Above `in`, which stands between.
        let part = self.expression(6)?;
        self.expect_word("in")?;
        let whole = self.expression(6)?;
        self.expect_mark(")")?;
        Ok(vec![whole, part])
    }

    fn substring(&mut self) -> Result<Vec<Expression>, Mistake> {
        let value = self.expression(0)?;
        let mut arguments = vec![value];
        if self.take_mark(",") {
            arguments.extend(self.list()?);
            return Ok(arguments);
        }
        if self.is_word("similar") {
            return Err(self.wrong("`substring(.. similar ..)` is not taken here"));
        }
        let has_start = self.take_word("from");
        if has_start {
            arguments.push(self.expression(0)?);
        }
        if self.take_word("for") {
            if !has_start {
                let one = Written::Number("1".to_owned());
                arguments.push(Expression::new(one, self.last_span()));
            }
            arguments.push(self.expression(0)?);
        }
        if arguments.len() == 1 {
            return Err(self.wrong("`from` is missing here"));
        }
        self.expect_mark(")")?;
        Ok(arguments)
    }

    fn trim(&mut self, span: Span) -> Result<Expression, Mistake> {
        let sides = [
            ("both", "btrim"),
            ("leading", "ltrim"),
            ("trailing", "rtrim"),
        ];
        let side = sides.into_iter().find(|(word, _)| self.take_word(word));
        let (_, text) = side.unwrap_or(sides[0]);
        let arguments = if self.take_word("from") {
            self.list()?
        } else {
            let first = self.expression(0)?;
            if self.take_word("from") {
                let value = self.expression(0)?;
                self.expect_mark(")")?;
                vec![value, first]
            } else if self.take_mark(",") {
                let mut list = vec![first];
                list.extend(self.list()?);
                list
            } else {
                self.expect_mark(")")?;
                vec![first]
            }
        };
        let name = Name {
            text: text.to_owned(),
            span,
        };
        Ok(Expression::call(name, arguments, span.to(self.last_span())))
    }
}

/// What is said of all that asks for the time.
pub(crate) fn clock(name: &str, span: Span) -> Mistake {
    Mistake::new(
        span,
        format!(
            "`{name}` is the time of now, and a rule has no clock: the same row must give the same \
             answer tomorrow; take a time of the event"
        ),
    )
}
