//! Passwords of URLs on their way to people: a database's URL may have been written in the place of
//! a topic, an address or a file, which sentences name.

use std::borrow::Cow;

/// `text` with the password of each URL hidden. What has no scheme is none.
pub(super) fn without_passwords(text: &str) -> Cow<'_, str> {
    if !text.contains(SCHEME_END) {
        return text.into();
    }
    let (mut shown, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(SCHEME_END) {
        let (before, url) = rest.split_at(at + SCHEME_END.len());
        let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>');
        let (url, after) = url.split_at(url.find(ends).unwrap_or(url.len()));
        shown.push_str(before);
        let password = url.rfind('@').and_then(|at| {
            let (user, host) = url.split_at(at);
            Some((user.split_once(':')?.0, host))
        });
        match password {
            Some((user, host)) => {
                shown.push_str(user);
                shown.push_str(":***");
                shown.push_str(host);
            }
            None => shown.push_str(url),
        }
        rest = after;
    }
    shown.push_str(rest);
    shown.into()
}

/// A path that is put together from its parts has one slash there.
const SCHEME_END: &str = ":/";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_url_is_hidden_wherever_the_url_stands() {
        for (text, shown) in [
            (
                "topic `postgres://a:pw@h:1/d` is",
                "topic `postgres://a:***@h:1/d` is",
            ),
            (
                "read x/postgres:/a:p@w@h: no",
                "read x/postgres:/a:***@h: no",
            ),
            (
                "\"postgres://a:pw@h\", \"b://c:pw@d\"",
                "\"postgres://a:***@h\", \"b://c:***@d\"",
            ),
            (
                "at http://127.0.0.1:9 for a@b",
                "at http://127.0.0.1:9 for a@b",
            ),
            ("postgres://a@h/d", "postgres://a@h/d"),
            ("a: b", "a: b"),
        ] {
            assert_eq!(without_passwords(text), shown);
        }
    }
}
