//! Sets of characters: brackets and escapes.

use std::iter::Peekable;
use std::str::Chars;

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

/// Classes by name. Under the collation C they have characters of ASCII alone.
const CLASSES: [(&str, &[(char, char)]); 13] = [
    ("alnum", &[('0', '9'), ('A', 'Z'), ('a', 'z')]),
    ("alpha", &[('A', 'Z'), ('a', 'z')]),
    ("ascii", &[('\0', '\x7f')]),
    ("blank", &[(' ', ' '), ('\t', '\t')]),
    ("cntrl", &[('\0', '\x1f'), ('\x7f', '\x7f')]),
    ("digit", &[('0', '9')]),
    ("graph", &[('!', '~')]),
    ("lower", &[('a', 'z')]),
    ("print", &[(' ', '~')]),
    ("punct", &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')]),
    ("space", &[('\t', '\r'), (' ', ' ')]),
    ("upper", &[('A', 'Z')]),
    ("xdigit", &[('0', '9'), ('A', 'F'), ('a', 'f')]),
];

const BAD: &str = "invalid regular expression: brackets [] not balanced";

fn class(name: &str) -> Option<ClassUnicode> {
    let ranges = CLASSES.iter().find(|(known, _)| *known == name)?.1;
    Some(ClassUnicode::new(
        ranges.iter().map(|(a, b)| ClassUnicodeRange::new(*a, *b)),
    ))
}

/// With both cases of ASCII letters, where the case does not count.
pub(super) fn folded(mut class: ClassUnicode, is_exact: bool) -> ClassUnicode {
    if is_exact {
        return class;
    }
    let mut more = Vec::new();
    for (from, to, other) in [('a', 'z', 'A'), ('A', 'Z', 'a')] {
        for range in class.ranges() {
            let (start, end) = (range.start().max(from), range.end().min(to));
            if start <= end {
                let shifted =
                    |c: char| char::from_u32(c as u32 - from as u32 + other as u32).unwrap_or(c);
                more.push(ClassUnicodeRange::new(shifted(start), shifted(end)));
            }
        }
    }
    more.into_iter().for_each(|range| class.push(range));
    class
}

/// The set that `\d` and the like mean.
pub(super) fn class_escape(letter: char) -> Option<ClassUnicode> {
    let mut found = match letter.to_ascii_lowercase() {
        'd' => class("digit")?,
        's' => class("space")?,
        'w' => {
            let mut word = class("alnum")?;
            word.push(ClassUnicodeRange::new('_', '_'));
            word
        }
        _ => return None,
    };
    if letter.is_ascii_uppercase() {
        found.negate();
    }
    Some(found)
}

/// The character that an escape means.
pub(super) fn char_escape(letter: char) -> Result<char, String> {
    Ok(match letter {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'f' => '\x0c',
        'v' => '\x0b',
        'a' => '\x07',
        'b' => '\x08',
        'e' => '\x1b',
        _ if letter.is_ascii_alphanumeric() => {
            return Err(format!(
                "the escape `\\{letter}` is not here: \\d, \\w, \\s, \\D, \\W, \\S, \\A, \\Z, \\n, \
                 \\t, \\r, \\f and \\v are; write other characters themselves"
            ));
        }
        _ => letter,
    })
}

/// A set in brackets, after the first one.
pub(super) fn parse(chars: &mut Peekable<Chars>, is_exact: bool) -> Result<ClassUnicode, String> {
    let is_negated = chars.next_if_eq(&'^').is_some();
    let mut found = ClassUnicode::empty();
    let mut is_first = true;
    loop {
        let next = chars.next().ok_or(BAD)?;
        match next {
            ']' if !is_first => break,
            '[' if matches!(chars.peek(), Some('.' | '=')) => {
                return Err("collating elements, `[.` and `[=`, are not here".to_owned());
            }
            '[' if chars.peek() == Some(&':') => {
                chars.next();
                let name: String =
                    std::iter::from_fn(|| chars.next_if(char::is_ascii_alphabetic)).collect();
                if chars.next() != Some(':') || chars.next() != Some(']') {
                    return Err(BAD.to_owned());
                }
                let class =
                    class(&name).ok_or("invalid regular expression: invalid character class")?;
                found.union(&class);
                check_no_range(chars)?;
            }
            '\\' if chars.peek().is_some_and(|c| class_escape(*c).is_some()) => {
                let letter = chars.next().unwrap_or_default();
                if letter.is_ascii_uppercase() {
                    return Err(format!(
                        "`\\{letter}` in brackets is not here: negate the whole set"
                    ));
                }
                found.union(&class_escape(letter).unwrap_or_else(ClassUnicode::empty));
                check_no_range(chars)?;
            }
            // First or last it is itself; elsewhere it begins a range.
            '-' if !is_first && chars.peek() != Some(&']') => {
                return Err("invalid regular expression: invalid character range".to_owned());
            }
            _ => {
                let start = character(next, chars)?;
                found.push(range(start, chars)?);
            }
        }
        is_first = false;
    }
    let mut found = folded(found, is_exact);
    if is_negated {
        found.negate();
    }
    Ok(found)
}

/// A class is no end of a range.
fn check_no_range(chars: &mut Peekable<Chars>) -> Result<(), String> {
    let mut ahead = chars.clone();
    match ahead.next() == Some('-') && ahead.next() != Some(']') {
        true => Err("invalid regular expression: invalid character range".to_owned()),
        false => Ok(()),
    }
}

fn range(start: char, chars: &mut Peekable<Chars>) -> Result<ClassUnicodeRange, String> {
    let mut ahead = chars.clone();
    if ahead.next() != Some('-') || ahead.next().is_none_or(|c| c == ']') {
        return Ok(ClassUnicodeRange::new(start, start));
    }
    chars.next();
    let next = chars.next().ok_or(BAD)?;
    if next == '[' && matches!(chars.peek(), Some(':' | '.' | '=')) {
        return Err("invalid regular expression: invalid character range".to_owned());
    }
    if next == '\\' && chars.peek().is_some_and(|c| class_escape(*c).is_some()) {
        return Err("invalid regular expression: invalid character range".to_owned());
    }
    let end = character(next, chars)?;
    match start <= end {
        true => Ok(ClassUnicodeRange::new(start, end)),
        false => Err("invalid regular expression: invalid character range".to_owned()),
    }
}

fn character(next: char, chars: &mut Peekable<Chars>) -> Result<char, String> {
    if next != '\\' {
        return Ok(next);
    }
    char_escape(chars.next().ok_or(BAD)?)
}
