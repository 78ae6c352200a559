//! SQL with named placeholders: a statement's text says `:next_offset`, and code makes `$7` of it.
//!
//! Each parameter is written down once, with its name, type and value. A name that the text does
//! not have, and a placeholder that no parameter fills, are bugs, and end in a panic before
//! anything is sent.

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row};

/// A parameter of a statement: the name that the SQL has for it, its type, its value.
pub(crate) type Named<'a> = (&'static str, Type, &'a (dyn ToSql + Sync));

/// Runs `sql` and returns its rows.
pub(crate) async fn query(
    client: &Client,
    sql: &str,
    parameters: &[Named<'_>],
) -> Result<Vec<Row>, Error> {
    let (text, values) = bound(sql, parameters);
    client.query_typed(&text, &values).await
}

/// Runs `sql` and returns how many rows it wrote.
pub(crate) async fn execute(
    client: &Client,
    sql: &str,
    parameters: &[Named<'_>],
) -> Result<u64, Error> {
    let (text, values) = bound(sql, parameters);
    client.execute_typed(&text, &values).await
}

type Values<'a> = Vec<(&'a (dyn ToSql + Sync), Type)>;

fn bound<'a>(sql: &str, parameters: &[Named<'a>]) -> (String, Values<'a>) {
    let names: Vec<&str> = parameters.iter().map(|(name, ..)| *name).collect();
    let values = parameters
        .iter()
        .map(|(_, of_type, value)| (*value, of_type.clone()));
    (numbered(sql, &names), values.collect())
}

/// The text that is sent: `:name` becomes `$n`, where `names` has the name at place n, and lines
/// that are comments are left out. What is quoted, and the type after `::`, stay as they are.
///
/// # Panics
///
/// When the text and `names` do not name the same parameters.
pub(crate) fn numbered<S: AsRef<str>>(sql: &str, names: &[S]) -> String {
    let is_comment = |line: &&str| line.trim_start().starts_with("--");
    let lines: Vec<&str> = sql.lines().filter(|line| !is_comment(line)).collect();
    let sql = lines.join("\n");
    let mut used = vec![false; names.len()];
    let mut out = String::with_capacity(sql.len());
    let mut rest = sql.as_str();
    while let Some(at) = rest.find(['\'', '"', ':']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = match rest.as_bytes() {
            [quote @ (b'\'' | b'"'), ..] => quoted_length(rest, char::from(*quote)),
            [b':', b':', ..] => 2,
            _ => 1 + name_length(&rest[1..]),
        };
        let (token, after) = rest.split_at(length);
        match token
            .strip_prefix(':')
            .filter(|name| !matches!(*name, "" | ":"))
        {
            None => out.push_str(token),
            Some(name) => {
                let place = names.iter().position(|n| n.as_ref() == name);
                let place = place.unwrap_or_else(|| panic!("no parameter for `:{name}` in {sql}"));
                used[place] = true;
                out.push_str(&format!("${}", place + 1));
            }
        }
        rest = after;
    }
    out.push_str(rest);
    if let Some(unused) = used.iter().position(|used| !used) {
        panic!(
            "`:{}` is a parameter, but not in {sql}",
            names[unused].as_ref()
        );
    }
    out
}

/// How long the quoted token is that `sql` begins with. A doubled quote reads as two tokens, which
/// comes to the same.
fn quoted_length(sql: &str, quote: char) -> usize {
    sql[1..].find(quote).map_or(sql.len(), |end| end + 2)
}

fn name_length(sql: &str) -> usize {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    sql.find(|c| !is_part(c)).unwrap_or(sql.len())
}

#[cfg(test)]
mod tests {
    use super::numbered;

    #[test]
    fn names_become_numbers_and_comments_go() {
        let sql = "-- why: this\nselect :b, :a_1::text[],\n  -- more :c\n  :b[1] where x = ':a_1'";
        assert_eq!(
            numbered(sql, &["a_1", "b"]),
            "select $2, $1::text[],\n  $2[1] where x = ':a_1'"
        );
        let quoted = "select \"a:b\"\":b\", 'it''s :b', :b";
        assert_eq!(
            numbered(quoted, &["b"]),
            "select \"a:b\"\":b\", 'it''s :b', $1"
        );
    }

    #[test]
    #[should_panic(expected = "no parameter for `:offset`")]
    fn a_placeholder_without_a_parameter_is_a_bug() {
        numbered("select :offset", &["of"]);
    }

    #[test]
    #[should_panic(expected = "`:offset` is a parameter, but not in")]
    fn a_parameter_without_a_placeholder_is_a_bug() {
        numbered("select 1", &["offset"]);
    }
}
