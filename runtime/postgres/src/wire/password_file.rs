//! Passwords outside of the URL, where libpq looks for them: `PGPASSWORD`, then a password file.
//! Read at each new connection, so that one may be changed while a process runs.

use std::env;
use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::wire::database_error::DatabaseError;

/// Whose password is looked for.
pub(crate) struct Wanted<'a> {
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    pub(crate) database: &'a str,
    pub(crate) user: &'a str,
}

/// The password of `wanted`; `named` is the file that the URL names.
pub(crate) fn look_up(
    named: Option<&Path>,
    wanted: &Wanted<'_>,
) -> Result<Option<String>, DatabaseError> {
    if let Some(password) = env::var("PGPASSWORD").ok().filter(|p| !p.is_empty()) {
        return Ok(Some(password));
    }
    let by_variable = || env::var_os("PGPASSFILE").map(PathBuf::from);
    match named.map(Path::to_owned).or_else(by_variable) {
        Some(path) => {
            let text = read_private(&path).map_err(|why| DatabaseError::Secret {
                path: path.clone(),
                why,
            })?;
            Ok(find(&text, wanted))
        }
        None => Ok(by_default(wanted)),
    }
}

/// From `~/.pgpass`, which may be missing.
fn by_default(wanted: &Wanted<'_>) -> Option<String> {
    let path = PathBuf::from(env::var_os("HOME")?).join(".pgpass");
    match read_private(&path) {
        Ok(text) => find(&text, wanted),
        Err(why) => {
            if !why.starts_with(MISSING) {
                tracing::warn!("{} is not used: {why}", path.display());
            }
            None
        }
    }
}

const MISSING: &str = "there is no such file";

/// Whether somebody else may read a file; a group that root gave it to is meant to, as libpq takes
/// it.
pub(crate) fn may_others_read(metadata: &Metadata) -> bool {
    let others = if metadata.uid() == 0 { 0o037 } else { 0o077 };
    metadata.permissions().mode() & others != 0
}

/// Reads a file that only this user may read; otherwise says why not.
pub(crate) fn read_private(path: &Path) -> Result<String, String> {
    let metadata = fs::metadata(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => MISSING.to_owned(),
        _ => error.to_string(),
    })?;
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err("others may read it: chmod 600 it".to_owned());
    }
    fs::read_to_string(path).map_err(|error| error.to_string())
}

/// The password on the first line that fits: `host:port:database:user:password`, `*` for any, `\`
/// before a `:` or `\` that is meant.
fn find(text: &str, wanted: &Wanted<'_>) -> Option<String> {
    let port = wanted.port.to_string();
    let wanted = [wanted.host, &port, wanted.database, wanted.user];
    text.lines().find_map(|line| {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.starts_with('#') {
            return None;
        }
        let mut rest = line;
        for wanted in wanted {
            let (field, is_bare, after) = field(rest)?;
            let is_any = is_bare && field == "*";
            if !is_any && field != wanted {
                return None;
            }
            rest = after;
        }
        Some(unescaped(rest))
    })
}

/// The first field, whether nothing in it was escaped, and what follows its colon.
fn field(line: &str) -> Option<(String, bool, &str)> {
    let mut escaped = false;
    let end = line.find(|c: char| {
        let is_end = c == ':' && !escaped;
        escaped = c == '\\' && !escaped;
        is_end
    })?;
    let raw = &line[..end];
    Some((unescaped(raw), !raw.contains('\\'), &line[end + 1..]))
}

fn unescaped(text: &str) -> String {
    let mut chars = text.chars();
    let mut out = String::with_capacity(text.len());
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.extend(chars.next()),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_fits_has_the_password() {
        let text = "# db:1:a:b:no\ndb:5432:app:other:no\n\\*:*:*:*:no\ndb:5432:app:me:a\\:b\\\\c\n\
                    *:*:*:me:any\r\nshort:line\n";
        let find = |host, database, user| {
            let wanted = Wanted {
                host,
                port: 5432,
                database,
                user,
            };
            super::find(text, &wanted)
        };
        assert_eq!(find("db", "app", "me").as_deref(), Some("a:b\\c"));
        assert_eq!(find("elsewhere", "app", "me").as_deref(), Some("any"));
        assert_eq!(find("elsewhere", "app", "you"), None);
    }
}
