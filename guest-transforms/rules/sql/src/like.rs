//! Patterns of `like`.

use memchr::memmem;

/// A pattern that is known before a row flows, in the cheapest form that decides it.
#[derive(Clone, Debug)]
pub(crate) struct Like {
    form: Form,
    /// Whether the case of ASCII letters counts.
    is_exact: bool,
}

#[derive(Clone, Debug)]
enum Form {
    /// Texts with `%` between them, without other wildcards: the first one begins what matches, the
    /// last one ends it.
    Parts(Vec<String>),
    /// `%x%`: any text with this byte.
    Byte(u8),
    /// Any other.
    Whole(String),
}

impl Form {
    fn of_parts(parts: Vec<String>) -> Self {
        match &parts[..] {
            [first, part, last] if first.is_empty() && last.is_empty() => match part.as_bytes() {
                [byte] => Self::Byte(*byte),
                _ => Self::Parts(parts),
            },
            _ => Self::Parts(parts),
        }
    }
}

/// A pattern that ends in its escape character, where a text goes on.
pub(crate) const BAD_END: &str = "LIKE pattern must not end with escape character";

impl Like {
    pub(crate) fn new(pattern: &str, is_exact: bool) -> Self {
        let pattern = match is_exact {
            true => pattern.to_owned(),
            false => pattern.to_ascii_lowercase(),
        };
        let form = match pattern.contains(['_', '\\']) {
            true => Form::Whole(pattern),
            false => Form::of_parts(pattern.split('%').map(str::to_owned).collect()),
        };
        Self { form, is_exact }
    }

    pub(crate) fn matches(&self, text: &str) -> Result<bool, &'static str> {
        if !self.is_exact {
            let lower = text.to_ascii_lowercase();
            return self.matches_as_is(&lower);
        }
        self.matches_as_is(text)
    }

    fn matches_as_is(&self, text: &str) -> Result<bool, &'static str> {
        match &self.form {
            Form::Parts(parts) => Ok(matches_parts(parts, text)),
            Form::Byte(byte) => Ok(memchr::memchr(*byte, text.as_bytes()).is_some()),
            Form::Whole(pattern) => matches(text, pattern),
        }
    }
}

fn matches_parts(parts: &[String], text: &str) -> bool {
    let [first, inner @ .., last] = parts else {
        return parts.iter().all(|only| only == text);
    };
    let mut rest = text;
    // Most patterns begin and end with `%`, and to compare with nothing is not free.
    if !first.is_empty() {
        match rest.strip_prefix(first.as_str()) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    if !last.is_empty() {
        match rest.strip_suffix(last.as_str()) {
            Some(before) => rest = before,
            None => return false,
        }
    }
    for part in inner {
        let found = match part.as_bytes() {
            [] => Some(0),
            [byte] => memchr::memchr(*byte, rest.as_bytes()),
            bytes => memmem::find(rest.as_bytes(), bytes),
        };
        match found {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

/// Whether `pattern` matches the whole of `text`: `%` any characters, `_` one, `\` takes the next
/// one as it is.
pub(crate) fn matches(text: &str, pattern: &str) -> Result<bool, &'static str> {
    Ok(look(text, pattern)? == Found::Match)
}

#[derive(PartialEq)]
enum Found {
    Match,
    Mismatch,
    /// The text ended first: no later start can match.
    TooShort,
}

/// As PostgreSQL goes through both: a bad end counts only where it is reached.
fn look(mut text: &str, mut pattern: &str) -> Result<Found, &'static str> {
    if pattern == "%" {
        return Ok(Found::Match);
    }
    while let (Some(t), Some(p)) = (text.chars().next(), pattern.chars().next()) {
        match p {
            '\\' => {
                pattern = &pattern[1..];
                let next = pattern.chars().next().ok_or(BAD_END)?;
                if next != t {
                    return Ok(Found::Mismatch);
                }
                pattern = &pattern[next.len_utf8()..];
            }
            '%' => return look_further(text, &pattern[1..]),
            '_' => pattern = &pattern[1..],
            _ if p != t => return Ok(Found::Mismatch),
            _ => pattern = &pattern[p.len_utf8()..],
        }
        text = &text[t.len_utf8()..];
    }
    if !text.is_empty() {
        return Ok(Found::Mismatch);
    }
    Ok(match pattern.trim_start_matches('%').is_empty() {
        true => Found::Match,
        false => Found::TooShort,
    })
}

/// After a `%`: at each start from `text` on.
fn look_further(mut text: &str, mut pattern: &str) -> Result<Found, &'static str> {
    loop {
        if let Some(rest) = pattern.strip_prefix('%') {
            pattern = rest;
        } else if let Some(rest) = pattern.strip_prefix('_') {
            let Some(first) = text.chars().next() else {
                return Ok(Found::TooShort);
            };
            (text, pattern) = (&text[first.len_utf8()..], rest);
        } else {
            break;
        }
    }
    let Some(mut first) = pattern.chars().next() else {
        return Ok(Found::Match);
    };
    if first == '\\' {
        first = pattern[1..].chars().next().ok_or(BAD_END)?;
    }
    while let Some(at) = text.find(first) {
        text = &text[at..];
        match look(text, pattern)? {
            Found::Mismatch => text = &text[first.len_utf8()..],
            found => return Ok(found),
        }
    }
    Ok(Found::TooShort)
}

/// A pattern whose escape character is `escape` as one whose is `\`.
pub(crate) fn with_escape(pattern: &str, escape: &str) -> Result<String, String> {
    let mut chars = escape.chars();
    let (first, second) = (chars.next(), chars.next());
    if second.is_some() {
        return Err("invalid escape string: it must be empty or one character".to_owned());
    }
    if first == Some('\\') {
        return Ok(pattern.to_owned());
    }
    let mut found = String::with_capacity(pattern.len());
    let mut is_after_escape = false;
    for c in pattern.chars() {
        if Some(c) == first && !is_after_escape {
            found.push('\\');
            is_after_escape = true;
        } else {
            if c == '\\' && !is_after_escape {
                found.push('\\');
            }
            found.push(c);
            is_after_escape = false;
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_postgres() {
        for (text, pattern, is_match) in [
            ("a@b.de", "%@%", true),
            ("abc", "a%c", true),
            ("aba", "ab%ba", false),
            ("", "%", true),
            ("é", "_", true),
            ("a%", "a\\%", true),
            ("ab", "a\\%", false),
            ("abcabd", "%ab_", true),
        ] {
            let like = Like::new(pattern, true);
            assert_eq!(like.matches(text), Ok(is_match), "{text} {pattern}");
            assert_eq!(matches(text, pattern), Ok(is_match), "{text} {pattern}");
        }
        assert_eq!(Like::new("ÄB%", false).matches("Äbc"), Ok(true));
        assert_eq!(matches("ab", "a\\"), Err(BAD_END));
        assert_eq!(with_escape("a!%b\\!!", "!").unwrap(), "a\\%b\\\\\\!");
    }
}
