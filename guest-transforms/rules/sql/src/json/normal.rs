//! The normal form of a document.

use std::fmt::Write as _;

use crate::numeric::Numeric;

/// Brackets in brackets: PostgreSQL takes some thousands, by its stack.
const DEPTH_MAX: usize = 500;

const INVALID: &str = "invalid input syntax for type json";

/// Appends the normal form of `text`, which may be any JSON.
pub(crate) fn normalize(text: &str, buffer: &mut String) -> Result<(), String> {
    let mut reader = Reader {
        text,
        at: 0,
        depth: 0,
    };
    reader.blanks();
    reader.value(buffer)?;
    reader.blanks();
    match reader.at == text.len() {
        true => Ok(()),
        false => Err(INVALID.to_owned()),
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_byte = self.peek() == Some(byte);
        self.at += usize::from(is_byte);
        is_byte
    }

    fn value(&mut self, buffer: &mut String) -> Result<(), String> {
        match self.peek() {
            Some(b'{') => self.nested(buffer, Self::object),
            Some(b'[') => self.nested(buffer, Self::array),
            Some(b'"') => {
                let text = self.string()?;
                write_string(&text, buffer);
                Ok(())
            }
            Some(b'-' | b'0'..=b'9') => self.number(buffer),
            _ => self.word(buffer),
        }
    }

    fn nested(
        &mut self,
        buffer: &mut String,
        read: fn(&mut Self, &mut String) -> Result<(), String>,
    ) -> Result<(), String> {
        self.at += 1;
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!(
                "the JSON is nested more than {DEPTH_MAX} deep, the limit here"
            ));
        }
        read(self, buffer)?;
        self.depth -= 1;
        Ok(())
    }

    fn array(&mut self, buffer: &mut String) -> Result<(), String> {
        buffer.push('[');
        self.blanks();
        if self.take(b']') {
            buffer.push(']');
            return Ok(());
        }
        loop {
            self.blanks();
            self.value(buffer)?;
            self.blanks();
            if self.take(b']') {
                buffer.push(']');
                return Ok(());
            }
            if !self.take(b',') {
                return Err(INVALID.to_owned());
            }
            buffer.push_str(", ");
        }
    }

    fn object(&mut self, buffer: &mut String) -> Result<(), String> {
        let mut members: Vec<(String, String)> = Vec::new();
        self.blanks();
        if self.take(b'}') {
            buffer.push_str("{}");
            return Ok(());
        }
        loop {
            self.blanks();
            if self.peek() != Some(b'"') {
                return Err(INVALID.to_owned());
            }
            let name = self.string()?;
            self.blanks();
            if !self.take(b':') {
                return Err(INVALID.to_owned());
            }
            self.blanks();
            let mut value = String::new();
            self.value(&mut value)?;
            members.push((name, value));
            self.blanks();
            if self.take(b'}') {
                break;
            }
            if !self.take(b',') {
                return Err(INVALID.to_owned());
            }
        }
        write_members(members, buffer);
        Ok(())
    }

    fn number(&mut self, buffer: &mut String) -> Result<(), String> {
        let start = self.at;
        self.take(b'-');
        let whole = self.digits();
        let first = self.text.as_bytes()[self.at - whole..].first();
        if whole == 0 || whole > 1 && first == Some(&b'0') {
            return Err(INVALID.to_owned());
        }
        if self.take(b'.') && self.digits() == 0 {
            return Err(INVALID.to_owned());
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if !self.take(b'+') {
                self.take(b'-');
            }
            if self.digits() == 0 {
                return Err(INVALID.to_owned());
            }
        }
        let number = Numeric::parse(&self.text[start..self.at])?;
        let _ = write!(buffer, "{number}");
        Ok(())
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }

    fn word(&mut self, buffer: &mut String) -> Result<(), String> {
        let rest = &self.text[self.at..];
        let known = ["null", "true", "false"];
        let word = known
            .into_iter()
            .find(|word| rest.starts_with(word))
            .ok_or(INVALID)?;
        self.at += word.len();
        let goes_on = self
            .peek()
            .is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_' || b > 127);
        if goes_on {
            return Err(INVALID.to_owned());
        }
        buffer.push_str(word);
        Ok(())
    }

    fn string(&mut self) -> Result<String, String> {
        self.at += 1;
        let mut found = String::new();
        loop {
            let rest = &self.text[self.at..];
            let end = rest
                .find(|c| matches!(c, '"' | '\\' | '\0'..='\x1f'))
                .ok_or(INVALID)?;
            found.push_str(&rest[..end]);
            self.at += end + 1;
            match rest.as_bytes()[end] {
                b'"' => return Ok(found),
                b'\\' => found.push(self.escape()?),
                _ => return Err(INVALID.to_owned()),
            }
        }
    }

    fn escape(&mut self) -> Result<char, String> {
        let letter = self.peek().ok_or(INVALID)?;
        self.at += 1;
        Ok(match letter {
            b'"' | b'\\' | b'/' => letter.into(),
            b'b' => '\x08',
            b'f' => '\x0c',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return Err(INVALID.to_owned()),
        })
    }

    fn unicode(&mut self) -> Result<char, String> {
        const UNSUPPORTED: &str = "unsupported Unicode escape sequence";
        let first = self.unit()?;
        if first == 0 {
            return Err(UNSUPPORTED.to_owned());
        }
        let code = match first {
            0xd800..=0xdbff => {
                let is_pair = self.take(b'\\') && self.take(b'u');
                let second = if is_pair { self.unit()? } else { 0 };
                if !(0xdc00..=0xdfff).contains(&second) {
                    return Err(INVALID.to_owned());
                }
                0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)
            }
            _ => first,
        };
        char::from_u32(code).ok_or_else(|| INVALID.to_owned())
    }

    fn unit(&mut self) -> Result<u32, String> {
        let digits = self.text.get(self.at..self.at + 4).ok_or(INVALID)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(INVALID.to_owned());
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).map_err(|_| INVALID.to_owned())
    }
}

/// Shorter names first; of equal ones the last stays.
fn write_members(mut members: Vec<(String, String)>, buffer: &mut String) {
    members.sort_by(|(a, _), (b, _)| (a.len(), a).cmp(&(b.len(), b)));
    buffer.push('{');
    let mut is_first = true;
    for (index, (name, value)) in members.iter().enumerate() {
        if members.get(index + 1).is_some_and(|(next, _)| next == name) {
            continue;
        }
        if !std::mem::take(&mut is_first) {
            buffer.push_str(", ");
        }
        write_string(name, buffer);
        buffer.push_str(": ");
        buffer.push_str(value);
    }
    buffer.push('}');
}

fn write_string(text: &str, buffer: &mut String) {
    buffer.push('"');
    for c in text.chars() {
        match c {
            '"' => buffer.push_str("\\\""),
            '\\' => buffer.push_str("\\\\"),
            '\x08' => buffer.push_str("\\b"),
            '\x0c' => buffer.push_str("\\f"),
            '\n' => buffer.push_str("\\n"),
            '\r' => buffer.push_str("\\r"),
            '\t' => buffer.push_str("\\t"),
            '\0'..='\x1f' => {
                let _ = write!(buffer, "\\u{:04x}", c as u32);
            }
            _ => buffer.push(c),
        }
    }
    buffer.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_have_one_form() {
        for (text, expected) in [
            (r#" {"bb":1,"a":2,"a":[ ]} "#, r#"{"a": [], "bb": 1}"#),
            ("[1.0,1e2,-0,1.50E1]", "[1.0, 100, 0, 15.0]"),
            (r#""\u00e9\/\u0001\ud83d\ude00""#, "\"é/\\u0001😀\""),
            ("null", "null"),
        ] {
            let mut normal = String::new();
            normalize(text, &mut normal).unwrap();
            assert_eq!(normal, expected);
        }
        for text in [
            "",
            "{",
            "[1,]",
            "01",
            "nul",
            "\"\\u0000\"",
            "1 2",
            "{a:1}",
            "\"\\ud800\"",
        ] {
            assert!(normalize(text, &mut String::new()).is_err(), "{text}");
        }
    }
}
