//! Text of others (records, headers, components, servers) on its way to people: what a terminal
//! would obey, and what would change the order or the lines in which people read, is escaped as
//! JSON escapes it.

use std::borrow::Cow;
use std::fmt::Write;

/// Whether a terminal does something else with `c` than to show it: control characters, those that
/// change the direction of text, line and paragraph separators, and what has no width.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}'
                | '\u{200b}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// `text` in one line.
pub fn visible(text: &str) -> Cow<'_, str> {
    escaped(text, is_hidden)
}

/// `text` with its own line breaks and tabs.
pub fn visible_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| is_hidden(c) && !matches!(c, '\n' | '\t'))
}

fn escaped(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(&is_escaped) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            c if !is_escaped(c) => out.push(c),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    // Writing to a text does not fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_escaped_and_all_else_stays() {
        for (text, shown) in [
            ("\u{1b}[2J\u{7}", "\\u001b[2J\\u0007"),
            ("\u{9b}31m", "\\u009b31m"),
            ("user\u{202e}nimda", "user\\u202enimda"),
            ("a\u{2028}b\nc\r\td", "a\\u2028b\\nc\\r\\td"),
            ("\u{e0041}", "\\udb40\\udc41"),
            ("größer 日本 👩‍👩‍👧 نص", "größer 日本 👩‍👩‍👧 نص"),
        ] {
            assert_eq!(visible(text), shown);
        }
        assert_eq!(visible_lines("a\n\tb\u{1b}"), "a\n\tb\\u001b");
    }

    proptest! {
        #[test]
        fn nothing_hidden_is_left(text in any::<String>()) {
            prop_assert!(!visible(&text).chars().any(is_hidden));
        }

        /// JSON that is shown is still that JSON.
        #[test]
        fn a_json_text_keeps_its_meaning(text in "[a\u{85}\u{202e}\u{2028}\u{feff}\u{e0001}é]*") {
            let json = serde_json::to_string(&text).unwrap();
            let shown: String = serde_json::from_str(&visible(&json)).unwrap();
            prop_assert_eq!(shown, text);
        }
    }
}
