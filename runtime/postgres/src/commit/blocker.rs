//! Whose lock a flush waits for.

use tokio_postgres::Client;

use crate::wire::database_error::DatabaseError;

/// A longer statement is cut.
const STATEMENT_MAX: usize = 200;

/// A session that another waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocker {
    pub pid: i32,
    pub application: String,
    /// What it does, or did last, without the values that are in it.
    pub statement: String,
}

/// The sessions that the one of backend `pid` waits for now.
pub async fn blockers(client: &Client, pid: i32) -> Result<Vec<Blocker>, DatabaseError> {
    let sql = r"
        select pid, coalesce(application_name, ''), coalesce(query, '')
        from pg_catalog.pg_stat_activity
        where pid operator(pg_catalog.=) any (pg_catalog.pg_blocking_pids($1))
        order by pid";
    let rows = client
        .query(sql, &[&pid])
        .await
        .map_err(DatabaseError::query("ask who holds the lock"))?;
    let blocker = |row: &tokio_postgres::Row| Blocker {
        pid: row.get(0),
        application: row.get(1),
        statement: without_values(row.get(2)),
    };
    Ok(rows.iter().map(blocker).collect())
}

/// The statement with `?` for each text and number, on one line.
fn without_values(statement: &str) -> String {
    let mut out = String::new();
    let mut rest = statement.trim();
    let mut before = ' ';
    while let Some(c) = rest.chars().next() {
        if out.len() >= STATEMENT_MAX {
            out.push_str("..");
            break;
        }
        let is_value =
            c == '\'' || c.is_ascii_digit() && !before.is_alphanumeric() && before != '_';
        let length = match c {
            '\'' => quoted_length(rest),
            '$' => dollar_quoted_length(rest).unwrap_or(1),
            _ if is_value => rest
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '.')
                .unwrap_or(rest.len()),
            _ => c.len_utf8(),
        };
        match c {
            _ if is_value || length > c.len_utf8() => out.push('?'),
            _ if c.is_whitespace() || c.is_control() => {
                if !before.is_whitespace() {
                    out.push(' ');
                }
            }
            _ => out.push(c),
        }
        before = c;
        rest = &rest[length..];
    }
    out
}

/// How long the text is that begins with a quote. A doubled quote reads as two texts.
fn quoted_length(text: &str) -> usize {
    let mut escaped = false;
    let end = text[1..].find(|c| {
        let is_end = c == '\'' && !escaped;
        escaped = c == '\\' && !escaped;
        is_end
    });
    end.map_or(text.len(), |end| end + 2)
}

fn dollar_quoted_length(text: &str) -> Option<usize> {
    let tag_end = 1 + text[1..].find('$')?;
    let tag = &text[..=tag_end];
    let is_tag = tag[1..tag_end]
        .chars()
        .all(|c| c.is_alphanumeric() || c == '_');
    if !is_tag {
        return None;
    }
    let end = text[tag.len()..].find(tag);
    Some(end.map_or(text.len(), |end| end + 2 * tag.len()))
}

#[cfg(test)]
mod tests {
    use super::without_values;

    #[test]
    fn no_value_of_a_statement_is_left() {
        for (statement, shown) in [
            (
                "update users2\n  set name = 'O''Neil', age = 41.5e3 where id = $1",
                "update users2 set name = ??, age = ? where id = $?",
            ),
            ("select $a$secret$a$, E'it\\'s', 0x1F", "select ?, E?, ?"),
            ("lock table people", "lock table people"),
            ("select 'cut", "select ?"),
        ] {
            assert_eq!(without_values(statement), shown);
        }
    }
}
