//! The words of an expression.

use super::Span;
use crate::mistake::Mistake;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A name or a keyword, in lower case.
    Word(String),
    /// A name in double quotes.
    Quoted(String),
    Text(String),
    Number(String),
    Operator(String),
    /// `(`, `)`, `,`, `[`, `]`, `.`, `;`, `::` and `:`.
    Mark(&'static str),
    End,
}

const OPERATOR: &str = "+-*/<>=~!@#%^&|`?";
/// An operator of several characters ends in `+` or `-` only where it has one of these.
const UNUSUAL: &str = "~!@#%^&|`?";
const MARKS: [&str; 9] = ["::", "(", ")", ",", "[", "]", ".", ";", ":"];

/// The words of `text`, and the end.
pub(super) fn tokens(text: &str) -> Result<Vec<(Token, Span)>, Mistake> {
    let mut found = Vec::new();
    let mut at = 0;
    loop {
        at = skip(text, at)?;
        let (token, end) = next(text, at)?;
        let is_end = token == Token::End;
        found.push((token, Span { start: at, end }));
        if is_end {
            return Ok(found);
        }
        at = end;
    }
}

/// Over blanks and comments.
fn skip(text: &str, mut at: usize) -> Result<usize, Mistake> {
    loop {
        let rest = &text[at..];
        let blank = rest.len()
            - rest
                .trim_start_matches([' ', '\t', '\n', '\r', '\x0c'])
                .len();
        at += blank;
        let rest = &text[at..];
        if rest.starts_with("--") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if rest.starts_with("/*") {
            let Some(length) = comment(rest) else {
                let span = Span {
                    start: at,
                    end: at + 2,
                };
                return Err(Mistake::new(
                    span,
                    "the comment does not end: close it with `*/`",
                ));
            };
            at += length;
        } else {
            return Ok(at);
        }
    }
}

/// The length of the comment that `text` begins with; comments stand in each other.
fn comment(text: &str) -> Option<usize> {
    let (mut depth, mut at) = (0, 0);
    loop {
        let found = text[at..].find(['*', '/'])?;
        at += found;
        let rest = &text[at..];
        if rest.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return Some(at);
            }
        } else {
            at += 1;
        }
    }
}

fn next(text: &str, at: usize) -> Result<(Token, usize), Mistake> {
    let rest = &text[at..];
    let Some(first) = rest.chars().next() else {
        return Ok((Token::End, at));
    };
    let second = rest[first.len_utf8()..].chars().next();
    match first {
        '\'' => quoted(text, at, '\'').map(|(text, end)| (Token::Text(text), end)),
        '"' => quoted(text, at, '"').map(|(text, end)| (Token::Quoted(text), end)),
        'e' | 'E' if second == Some('\'') => escaped(text, at),
        'b' | 'B' | 'x' | 'X' | 'n' | 'N' if second == Some('\'') => Err(Mistake::new(
            Span {
                start: at,
                end: at + 2,
            },
            format!("literals `{first}'..'` are not taken here: write a text in plain quotes"),
        )),
        '$' => Err(Mistake::new(
            Span {
                start: at,
                end: at + 1,
            },
            "`$` begins no value here: write texts in quotes, `'..'`, and columns by their names",
        )),
        '0'..='9' => number(text, at),
        '.' if second.is_some_and(|c| c.is_ascii_digit()) => number(text, at),
        _ if first.is_alphabetic() || first == '_' => {
            let is_inside = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
            let end = rest.find(|c| !is_inside(c)).unwrap_or(rest.len());
            Ok((Token::Word(rest[..end].to_ascii_lowercase()), at + end))
        }
        _ if OPERATOR.contains(first) => Ok(operator(text, at)),
        _ => match MARKS.iter().find(|mark| rest.starts_with(**mark)) {
            Some(mark) => Ok((Token::Mark(mark), at + mark.len())),
            None => Err(Mistake::new(
                Span {
                    start: at,
                    end: at + first.len_utf8(),
                },
                format!("`{first}` means nothing in SQL"),
            )),
        },
    }
}

/// What stands between quotes; a doubled one is one.
fn quoted(text: &str, at: usize, quote: char) -> Result<(String, usize), Mistake> {
    let mut found = String::new();
    let mut from = at + 1;
    loop {
        let Some(length) = text[from..].find(quote) else {
            let what = if quote == '"' { "name" } else { "text" };
            return Err(Mistake::new(
                Span {
                    start: at,
                    end: at + 1,
                },
                format!("the {what} does not end: close it with `{quote}`"),
            ));
        };
        found.push_str(&text[from..from + length]);
        from += length + 1;
        if !text[from..].starts_with(quote) {
            return Ok((found, from));
        }
        found.push(quote);
        from += 1;
    }
}

/// `E'..'`, with the escapes that have a letter of their own.
fn escaped(text: &str, at: usize) -> Result<(Token, usize), Mistake> {
    let mut found = String::new();
    let mut chars = text[at + 2..].char_indices().peekable();
    while let Some((offset, c)) = chars.next() {
        match c {
            '\'' if chars.peek().is_some_and(|(_, next)| *next == '\'') => {
                chars.next();
                found.push('\'');
            }
            '\'' => return Ok((Token::Text(found), at + 2 + offset + 1)),
            '\\' => {
                let letter = chars.next().map(|(_, c)| c);
                found.push(match letter {
                    Some('n') => '\n',
                    Some('t') => '\t',
                    Some('r') => '\r',
                    Some('b') => '\x08',
                    Some('f') => '\x0c',
                    Some(c @ ('\\' | '\'' | '"')) => c,
                    _ => {
                        let start = at + 2 + offset;
                        return Err(Mistake::new(
                            Span {
                                start,
                                end: start + 2,
                            },
                            "this escape is not taken here: only \\n, \\t, \\r, \\b, \\f, \\\\ and \
                             \\' are; write other characters themselves",
                        ));
                    }
                });
            }
            _ => found.push(c),
        }
    }
    let span = Span {
        start: at,
        end: at + 2,
    };
    Err(Mistake::new(
        span,
        "the text does not end: close it with `'`",
    ))
}

fn number(text: &str, at: usize) -> Result<(Token, usize), Mistake> {
    let bytes = text.as_bytes();
    let digits = |mut at: usize| {
        while bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        at
    };
    let mut end = digits(at);
    if bytes.get(end) == Some(&b'.') {
        end = digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + sign);
        if exponent > end + 1 + sign {
            end = exponent;
        }
    }
    let follows = text[end..].chars().next();
    if follows.is_some_and(|c| c.is_alphanumeric() || c == '_') {
        return Err(Mistake::new(
            Span {
                start: at,
                end: end + 1,
            },
            "a number and a name run into each other: put a blank or an operator between them",
        ));
    }
    Ok((Token::Number(text[at..end].to_owned()), end))
}

fn operator(text: &str, at: usize) -> (Token, usize) {
    let rest = &text[at..];
    let mut end = rest.find(|c| !OPERATOR.contains(c)).unwrap_or(rest.len());
    // A comment ends an operator.
    for comment in ["--", "/*"] {
        end = rest[..end].find(comment).unwrap_or(end).max(1);
    }
    if !rest[..end].contains(|c| UNUSUAL.contains(c)) {
        while end > 1 && rest[..end].ends_with(['+', '-']) {
            end -= 1;
        }
    }
    let symbol = if &rest[..end] == "!=" {
        "<>"
    } else {
        &rest[..end]
    };
    (Token::Operator(symbol.to_owned()), at + end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> String {
        let found = tokens(text).unwrap();
        let found = found.iter().map(|(token, _)| match token {
            Token::Word(text) | Token::Number(text) | Token::Operator(text) => text.clone(),
            Token::Quoted(text) => format!("\"{text}\""),
            Token::Text(text) => format!("'{text}'"),
            Token::Mark(mark) => (*mark).to_owned(),
            Token::End => "END".to_owned(),
        });
        found.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn words_are_cut_as_postgres_cuts_them() {
        assert_eq!(words("A->>'it''s' --x\n"), "a ->> 'it's' END");
        assert_eq!(words("1-+.5e3::int8 /* c */"), "1 - + .5e3 :: int8 END");
        assert_eq!(words("\"Ab\"!=E'a\\n'"), "\"Ab\" <> 'a\n' END");
        assert_eq!(words("a@-1 b*-1"), "a @- 1 b * - 1 END");
    }
}
