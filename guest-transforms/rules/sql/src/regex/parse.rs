//! PostgreSQL's advanced regular expressions, those that mean the same here.

use std::iter::Peekable;
use std::str::Chars;

use regex_syntax::hir::{
    Capture, Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Look, Repetition,
};

use super::bracket;

/// Repetitions of a bound: PostgreSQL's limit.
const BOUND_MAX: u32 = 255;
/// Groups in groups.
const DEPTH_MAX: usize = 50;

/// A pattern that was read.
pub(super) struct Parsed {
    pub(super) hir: Hir,
    pub(super) groups: usize,
    /// Whether it has quantifiers that take as little as they can.
    pub(super) has_lazy: bool,
    /// Whether a round of a repetition may pass a group by that an earlier one matched.
    pub(super) has_passed_by: bool,
}

pub(super) fn parse(text: &str, is_exact: bool) -> Result<Parsed, String> {
    let mut parser = Parser {
        chars: text.chars().peekable(),
        is_exact,
        groups: 0,
        has_lazy: false,
        has_passed_by: false,
        depth: 0,
    };
    if text.starts_with("***") {
        return Err("`***` is not taken here: write the pattern itself".to_owned());
    }
    let hir = parser.alternation()?;
    match parser.chars.next() {
        None => Ok(Parsed {
            hir,
            groups: parser.groups,
            has_lazy: parser.has_lazy,
            has_passed_by: parser.has_passed_by,
        }),
        Some(_) => Err("invalid regular expression: parentheses () not balanced".to_owned()),
    }
}

struct Parser<'a> {
    chars: Peekable<Chars<'a>>,
    is_exact: bool,
    groups: usize,
    has_lazy: bool,
    has_passed_by: bool,
    depth: usize,
}

impl Parser<'_> {
    fn take(&mut self, wanted: char) -> bool {
        self.chars.next_if_eq(&wanted).is_some()
    }

    fn alternation(&mut self) -> Result<Hir, String> {
        let mut branches = vec![self.branch()?];
        while self.take('|') {
            branches.push(self.branch()?);
        }
        Ok(Hir::alternation(branches))
    }

    fn branch(&mut self) -> Result<Hir, String> {
        let mut pieces = Vec::new();
        while let Some(next) = self.chars.peek() {
            if matches!(next, '|' | ')') {
                break;
            }
            pieces.push(self.piece()?);
        }
        Ok(Hir::concat(pieces))
    }

    fn piece(&mut self) -> Result<Hir, String> {
        let (atom, is_place) = match self.chars.next() {
            Some('^') => (Hir::look(Look::Start), true),
            Some('$') => (Hir::look(Look::End), true),
            Some('(') => (self.group()?, false),
            Some('[') => (self.bracket()?, false),
            Some('.') => (any(), false),
            Some('\\') => self.escape()?,
            Some('*' | '+' | '?') => return Err(BAD_REPEAT.to_owned()),
            Some('{') if self.chars.peek().is_some_and(char::is_ascii_digit) => {
                return Err(BAD_REPEAT.to_owned());
            }
            Some(other) => (self.literal(other), false),
            None => (Hir::empty(), false),
        };
        self.quantified(atom, is_place)
    }

    fn literal(&self, c: char) -> Hir {
        Hir::class(Class::Unicode(self.class([ClassUnicodeRange::new(c, c)])))
    }

    /// A class, with both cases of ASCII letters where the case does not count.
    fn class(&self, ranges: impl IntoIterator<Item = ClassUnicodeRange>) -> ClassUnicode {
        bracket::folded(ClassUnicode::new(ranges), self.is_exact)
    }

    fn quantified(&mut self, atom: Hir, is_place: bool) -> Result<Hir, String> {
        let (min, max) = match self.chars.peek() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => {
                let mut ahead = self.chars.clone();
                ahead.next();
                if !ahead.next().is_some_and(|c| c.is_ascii_digit()) {
                    return Ok(atom);
                }
                return self.bounded(atom, is_place);
            }
            _ => return Ok(atom),
        };
        self.chars.next();
        self.repeated(atom, is_place, min, max)
    }

    fn bounded(&mut self, atom: Hir, is_place: bool) -> Result<Hir, String> {
        const BAD: &str = "invalid regular expression: invalid repetition count(s)";
        self.chars.next();
        let min = self.number().ok_or(BAD)?;
        let max = match self.take(',') {
            false => Some(min),
            true if self.chars.peek() == Some(&'}') => None,
            true => Some(self.number().ok_or(BAD)?),
        };
        if !self.take('}') || max.is_some_and(|max| max < min) {
            return Err(BAD.to_owned());
        }
        self.repeated(atom, is_place, min, max)
    }

    fn number(&mut self) -> Option<u32> {
        let mut number = None;
        while let Some(digit) = self.chars.peek().and_then(|c| c.to_digit(10)) {
            self.chars.next();
            number = Some(number.unwrap_or(0_u32) * 10 + digit).filter(|n| *n <= BOUND_MAX);
            number?;
        }
        number
    }

    fn repeated(
        &mut self,
        atom: Hir,
        is_place: bool,
        min: u32,
        max: Option<u32>,
    ) -> Result<Hir, String> {
        if is_place {
            return Err(BAD_REPEAT.to_owned());
        }
        self.has_lazy |= self.take('?');
        let is_quantifier = match self.chars.peek() {
            Some('*' | '+' | '?') => true,
            Some('{') => {
                let mut ahead = self.chars.clone();
                ahead.next();
                ahead.next().is_some_and(|c| c.is_ascii_digit())
            }
            _ => false,
        };
        if is_quantifier {
            return Err(BAD_REPEAT.to_owned());
        }
        let has_rounds = max.is_none_or(|max| max > 1);
        self.has_passed_by |= has_rounds && may_pass_group(&atom);
        Ok(Hir::repetition(Repetition {
            min,
            max,
            greedy: true,
            sub: Box::new(atom),
        }))
    }

    fn group(&mut self) -> Result<Hir, String> {
        let mut is_captured = true;
        if self.take('?') {
            match self.chars.next() {
                Some(':') => is_captured = false,
                Some('=' | '!' | '<') => {
                    return Err(
                        "a pattern does not look ahead or behind here: match what follows, \
                                too, or test it by a condition of its own"
                            .to_owned(),
                    );
                }
                _ => {
                    return Err(
                        "options in a pattern, `(?..)`, are not taken here: `~*` and the \
                                flag `i` pass over case"
                            .to_owned(),
                    );
                }
            }
        }
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err("the pattern has more than 50 brackets in brackets".to_owned());
        }
        self.groups += usize::from(is_captured);
        let index = self.groups as u32;
        let inner = self.alternation()?;
        if !self.take(')') {
            return Err("invalid regular expression: parentheses () not balanced".to_owned());
        }
        self.depth -= 1;
        Ok(match is_captured {
            true => Hir::capture(Capture {
                index,
                name: None,
                sub: Box::new(inner),
            }),
            false => inner,
        })
    }

    fn bracket(&mut self) -> Result<Hir, String> {
        let class = bracket::parse(&mut self.chars, self.is_exact)?;
        Ok(Hir::class(Class::Unicode(class)))
    }

    /// What an escape means, and whether that is a place.
    fn escape(&mut self) -> Result<(Hir, bool), String> {
        let letter = self.chars.next().ok_or(
            "invalid regular expression: invalid escape \\ \
                                              sequence",
        )?;
        match letter {
            'A' => return Ok((Hir::look(Look::Start), true)),
            'Z' => return Ok((Hir::look(Look::End), true)),
            'm' | 'M' | 'y' | 'Y' => {
                return Err(format!(
                    "ends of words, `\\{letter}`, are not here: match what stands beside the word"
                ));
            }
            '1'..='9' => {
                return Err(format!(
                    "a pattern does not refer to its own groups, `\\{letter}`, here: compare parts \
                     by `=`"
                ));
            }
            _ => {}
        }
        if let Some(class) = bracket::class_escape(letter) {
            return Ok((
                Hir::class(Class::Unicode(self.class(class.ranges().iter().copied()))),
                false,
            ));
        }
        bracket::char_escape(letter).map(|c| (self.literal(c), false))
    }
}

/// Whether a match of `hir` may leave out a group that is in it.
fn may_pass_group(hir: &Hir) -> bool {
    let has_group = |hir: &Hir| hir.properties().explicit_captures_len() > 0;
    match hir.kind() {
        HirKind::Alternation(branches) => branches.iter().any(has_group),
        HirKind::Concat(pieces) => pieces.iter().any(may_pass_group),
        HirKind::Capture(group) => may_pass_group(&group.sub),
        HirKind::Repetition(Repetition { min, sub, .. }) => {
            *min == 0 && has_group(sub) || may_pass_group(sub)
        }
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => false,
    }
}

const BAD_REPEAT: &str = "invalid regular expression: quantifier operand invalid";

/// Any character, line ends, too.
fn any() -> Hir {
    let all = ClassUnicodeRange::new('\0', char::MAX);
    Hir::class(Class::Unicode(ClassUnicode::new([all])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_differ_is_refused_in_words() {
        for (pattern, sentence) in [
            ("a**", "quantifier operand invalid"),
            ("*a", "quantifier operand invalid"),
            ("(a", "not balanced"),
            ("a)", "not balanced"),
            ("(?=a)", "ahead or behind"),
            ("(?i)a", "options in a pattern"),
            ("\\yword", "ends of words"),
            ("(a)\\1", "its own groups"),
            ("[[.a.]]", "collating"),
            ("[b-a]", "invalid character range"),
            ("a{300}", "invalid repetition"),
            ("\\q", "`\\q`"),
            ("***=a", "`***`"),
        ] {
            let error = parse(pattern, true).err().unwrap_or_default();
            assert!(error.contains(sentence), "{pattern}: {error}");
        }
    }
}
