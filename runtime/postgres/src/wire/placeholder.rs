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

/// Runs `sql`, which returns one row.
pub(crate) async fn query_one(
    client: &Client,
    sql: &str,
    parameters: &[Named<'_>],
) -> Result<Row, Error> {
    let (text, values) = bound(sql, parameters);
    client.query_typed_one(&text, &values).await
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

type Bound<'a> = Vec<(&'a (dyn ToSql + Sync), Type)>;

fn bound<'a>(sql: &str, parameters: &[Named<'a>]) -> (String, Bound<'a>) {
    let names: Vec<&str> = parameters.iter().map(|(name, ..)| *name).collect();
    let values = parameters
        .iter()
        .map(|(_, of_type, value)| (*value, of_type.clone()));
    (numbered(sql, &names), values.collect())
}

/// The text that is sent: `:name` becomes `$n`, where `names` has the name at place n, and comments
/// are left out. What is quoted, and the type after `::`, stay as they are.
///
/// # Panics
///
/// When the text and `names` do not name the same parameters.
pub(crate) fn numbered<S: AsRef<str>>(sql: &str, names: &[S]) -> String {
    let mut used = vec![false; names.len()];
    let mut out = String::with_capacity(sql.len());
    let mut rest = sql;
    while !rest.is_empty() {
        let (token, after) = rest.split_at(token_length(rest));
        rest = after;
        match token.strip_prefix(':').filter(|name| is_name(name)) {
            Some(name) => {
                let place = names.iter().position(|n| n.as_ref() == name);
                let place = place.unwrap_or_else(|| panic!("no parameter for `:{name}` in {sql}"));
                used[place] = true;
                out.push_str(&format!("${}", place + 1));
            }
            None if token.starts_with("--") => {}
            None => out.push_str(token),
        }
    }
    if let Some(unused) = used.iter().position(|used| !used) {
        let name = names[unused].as_ref();
        panic!("`:{name}` is a parameter, but not in {sql}");
    }
    out.trim().to_owned()
}

/// How long the token is that `sql` begins with: something quoted, a comment, `::`, a placeholder,
/// a character that begins none of them, or all up to the next that may.
fn token_length(sql: &str) -> usize {
    let to = |end: Option<usize>| end.unwrap_or(sql.len());
    match sql.as_bytes() {
        // A doubled quote reads as two tokens, which comes to the same.
        [quote @ (b'\'' | b'"'), ..] => {
            let end = sql[1..].find(char::from(*quote));
            to(end.map(|end| end + 2))
        }
        [b'-', b'-', ..] => to(sql.find('\n')),
        [b':', b':', ..] => 2,
        [b':', ..] => 1 + sql[1..].find(|c| !is_part(c)).unwrap_or(sql.len() - 1),
        [b'-', ..] => 1,
        _ => to(sql.find(['\'', '"', ':', '-'])),
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_part)
}

fn is_part(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::numbered;

    #[test]
    fn names_become_numbers_and_comments_go() {
        let sql = "-- why: 'this\nselect :b, :a_1::text[], -- :c\n  :b[1] - 1 where x = ':a_1'";
        assert_eq!(
            numbered(sql, &["a_1", "b"]),
            "select $2, $1::text[], \n  $2[1] - 1 where x = ':a_1'"
        );
        let quoted = "select \"a:b\"\":b\n-- \", 'it''s :b', :b";
        assert_eq!(
            numbered(quoted, &["b"]),
            "select \"a:b\"\":b\n-- \", 'it''s :b', $1"
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
