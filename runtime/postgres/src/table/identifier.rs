//! Names in SQL.

/// The column that decides which event of a key is newer: see `core/src/dedup/stored_version.rs`.
pub(crate) const VERSION: &str = "_gm_version";
/// The optional columns of a target that say where a row came from. The sink fills them where they
/// exist.
pub(crate) const PARTITION: &str = "_gm_partition";
pub(crate) const OFFSET: &str = "_gm_offset";
pub(crate) const REVISION: &str = "_gm_revision";
/// Which of the row's values nobody knows, as the source did not send them: see
/// `gristmill.target_column`.
pub(crate) const ABSENT: &str = "_gm_absent";
/// Whether the row is deleted, where the table has no column of the pipeline's for that.
pub(crate) const DELETED: &str = "_gm_deleted";

/// Postgres cuts longer names, wherever they stand.
const NAME_MAX_BYTES: usize = 63;
/// The columns that every table has.
const SYSTEM_COLUMNS: [&str; 6] = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];

/// Why no table can have a column called `name`.
pub(crate) fn name_problem(name: &str) -> Option<String> {
    let bytes = name.len();
    if bytes > NAME_MAX_BYTES {
        return Some(format!(
            "the column {name} has a name of {bytes} bytes, and Postgres keeps {NAME_MAX_BYTES}: \
             give the transform's column a shorter one"
        ));
    }
    SYSTEM_COLUMNS.contains(&name).then(|| {
        format!(
            "every table of Postgres has a column {name} of its own: give the transform's column \
             another name"
        )
    })
}

/// Why no rule may write a column called `name`.
pub(crate) fn kept_problem(name: &str) -> Option<String> {
    [PARTITION, OFFSET, VERSION, REVISION, ABSENT].contains(&name).then(|| {
        format!(
            "gristmill itself writes the column {name}: give the transform's column another name"
        )
    })
}

/// `name` as an identifier.
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Whether psql takes `name` for that of a table, with its schema or without.
pub fn is_name(name: &str) -> bool {
    let mut quoted = false;
    let mut parts = name.split(|c: char| {
        quoted ^= c == '"';
        c == '.' && !quoted
    });
    let is_part = |part: &str| match part.strip_prefix('"') {
        Some(rest) => {
            let exact = rest
                .strip_suffix('"')
                .map(|exact| exact.replace("\"\"", ""));
            exact.is_some_and(|exact| !rest.starts_with('"') && !exact.contains('"'))
        }
        None => {
            let is_first = |c: char| c.is_alphabetic() || c == '_';
            let is_next = |c: char| is_first(c) || c.is_ascii_digit() || c == '$';
            part.starts_with(is_first) && part.chars().all(is_next)
        }
    };
    parts.all(is_part)
}

/// A name as psql reads it, written so that no part is taken for a keyword: what is not in quotes
/// is lower case.
pub fn identifier(name: &str) -> String {
    let mut quoted = false;
    let parts = name.split(|c: char| {
        quoted ^= c == '"';
        c == '.' && !quoted
    });
    let part = |part: &str| match part.strip_prefix('"').and_then(|p| p.strip_suffix('"')) {
        Some(exact) => quote(&exact.replace("\"\"", "\"")),
        None => quote(&part.to_lowercase()),
    };
    parts.map(part).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::{identifier, is_name, name_problem};

    #[test]
    fn what_psql_takes_for_a_table_is_a_name() {
        for name in [
            "users",
            "Users",
            "crm.users_2",
            "\"My.Schema\".\"a\"\"b\"",
            "größe",
            "a$",
        ] {
            assert!(is_name(name), "{name}");
        }
        for name in [
            "", "$TABLE", "a b", "a.", ".a", "2a", "\"a", "\"a\"b", "\"\"", "a-b", "a;",
        ] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn a_name_that_no_column_can_have_is_told() {
        for name in ["ctid", "xmax", &"é".repeat(32)] {
            assert!(name_problem(name).is_some(), "{name}");
        }
        for name in ["CTID", "oid", &"x".repeat(63)] {
            assert_eq!(name_problem(name), None);
        }
    }

    #[test]
    fn names_are_read_as_psql_reads_them() {
        for (name, sql) in [
            ("Users", "\"users\""),
            ("order", "\"order\""),
            ("crm.Users", "\"crm\".\"users\""),
            ("\"My.Schema\".\"a\"\"b\"", "\"My.Schema\".\"a\"\"b\""),
        ] {
            assert_eq!(identifier(name), sql);
        }
    }
}
