//! A database's URL, read as libpq reads it, with what the driver does not know: `verify-ca` and
//! `verify-full`, certificates and password files.

use std::fs;
use std::path::{Path, PathBuf};

use tokio_postgres::Config;
use tokio_postgres::config::{ChannelBinding, SslMode};

use crate::wire::database_error::DatabaseError;
use crate::wire::password_file::may_others_read;
use crate::wire::tls::{Ssl, Verify};

/// Where a URL comes from.
#[derive(Debug)]
pub(crate) enum Url {
    Text(String),
    /// `file:PATH`: read again at each new connection.
    File(PathBuf),
}

/// What a URL says.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) config: Config,
    pub(crate) ssl: Ssl,
    pub(crate) password_file: Option<PathBuf>,
}

impl Url {
    pub(crate) fn new(text: &str) -> Self {
        let text = text.trim();
        match text.strip_prefix("file:") {
            Some(path) => Self::File(path.strip_prefix("//").unwrap_or(path).into()),
            None => Self::Text(text.to_owned()),
        }
    }

    /// What is to be said of the file that holds the URL: containers are handed secrets that
    /// everybody may read, so that is no error.
    pub(crate) fn warning(&self) -> Option<String> {
        let Self::File(path) = self else { return None };
        let metadata = fs::metadata(path).ok()?;
        let has_password = |s: Settings| s.config.get_password().is_some();
        let is_told = may_others_read(&metadata) && self.settings().is_ok_and(has_password);
        is_told.then(|| {
            format!(
                "others may read the password in {}: chmod 600 it, or mount the secret with the \
                 mode 0400",
                path.display()
            )
        })
    }

    pub(crate) fn settings(&self) -> Result<Settings, DatabaseError> {
        match self {
            Self::Text(text) => Settings::read(text),
            Self::File(path) => {
                let text = fs::read_to_string(path).map_err(|error| DatabaseError::Secret {
                    path: path.clone(),
                    why: error.to_string(),
                })?;
                Settings::read(text.trim())
            }
        }
    }
}

impl Settings {
    fn read(url: &str) -> Result<Self, DatabaseError> {
        if url.starts_with('$') {
            return Err(DatabaseError::Url(
                "begins with `$`: write a variable of the environment as ${NAME}",
            ));
        }
        let scheme = ["postgres://", "postgresql://"].into_iter().find(|scheme| {
            let begin = url.get(..scheme.len());
            begin.is_some_and(|begin| begin.eq_ignore_ascii_case(scheme))
        });
        let Some(scheme) = scheme else {
            return Err(DatabaseError::Url("must start with postgres://"));
        };
        let url = format!("{scheme}{}", &url[scheme.len()..]);
        if url.contains(char::is_control) {
            return Err(DatabaseError::Url(
                "holds a line break or another control character: write it as one line",
            ));
        }
        // A password with a bare `@` would be cut there and its rest be taken for the host, which
        // messages show.
        let before_query = url.split('?').next().unwrap_or_default();
        if before_query.matches('@').count() > 1 {
            return Err(DatabaseError::Url(
                "has more than one `@`: write one that belongs to the password as %40",
            ));
        }
        let (base, query) = url.split_once('?').unwrap_or((&url, ""));
        let (ours, rest): (Vec<&str>, Vec<&str>) = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .partition(|pair| OURS.contains(&pair.split('=').next().unwrap_or_default()));
        let is_schema = |pair: &&str| {
            let name = pair.split('=').next().unwrap_or_default();
            name.eq_ignore_ascii_case("schema") || name.eq_ignore_ascii_case("currentSchema")
        };
        if rest.iter().any(is_schema) {
            return Err(DatabaseError::Url(SCHEMA));
        }
        let (ssl, password_file) = own(&ours)?;
        let mut config: Config = format!("{base}?{}", rest.join("&"))
            .parse()
            .map_err(|_| unreadable(base, &rest))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(DatabaseError::Url(
                "names no host: expected postgres://user:password@host:port/database",
            ));
        }
        config.ssl_mode(ssl.mode);
        Ok(Self {
            config,
            ssl,
            password_file,
        })
    }

    /// Whether whoever answers is believed to be the server.
    pub(crate) fn believes_anyone(&self) -> bool {
        self.ssl.verify == Verify::Nothing
            && self.config.get_channel_binding() != ChannelBinding::Require
    }
}

/// Why the driver cannot read a URL. Only a name that others are known to write is shown: anything
/// else may be a piece of a password.
fn unreadable(base: &str, parameters: &[&str]) -> DatabaseError {
    let is_read = |parameter: &str| format!("{base}?{parameter}").parse::<Config>().is_ok();
    let known = |parameter: &&str| {
        let name = parameter.split('=').next().unwrap_or_default();
        WRITTEN_BY_OTHERS
            .into_iter()
            .find(|known| known.eq_ignore_ascii_case(name))
    };
    let unread = parameters.iter().filter(|parameter| !is_read(parameter));
    match unread.filter_map(known).next().filter(|_| is_read("")) {
        Some(name) => DatabaseError::UrlParameter { name },
        None => DatabaseError::Url(
            "cannot be read: expected postgres://user:password@host:port/database, and behind a \
             `?` only parameters that libpq has",
        ),
    }
}

/// Parameters of libpq that the driver has no use for, or whose values it reads; of JDBC; and of
/// object mappers.
const WRITTEN_BY_OTHERS: [&str; 36] = [
    "ApplicationName",
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "connection_limit",
    "fallback_application_name",
    "gssdelegation",
    "gsslib",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "krbsrvname",
    "load_balance_hosts",
    "loginTimeout",
    "max_overflow",
    "pool_size",
    "pool_timeout",
    "prepareThreshold",
    "reWriteBatchedInserts",
    "replication",
    "require_auth",
    "requirepeer",
    "service",
    "socketTimeout",
    "ssl",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcertmode",
    "sslcompression",
    "sslcrl",
    "sslnegotiation",
    "sslpassword",
    "sslsni",
    "target_session_attrs",
    "tcp_user_timeout",
];

/// What the driver does not know, or knows less of.
const OURS: [&str; 7] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "passfile",
    "pgbouncer",
    "gssencmode",
];

fn own(pairs: &[&str]) -> Result<(Ssl, Option<PathBuf>), DatabaseError> {
    let mut ssl = Ssl {
        mode: SslMode::Prefer,
        verify: Verify::Nothing,
        root_file: None,
        certificate: None,
    };
    let (mut mode, mut by_system, mut password_file) = (None, false, None);
    let (mut certificate, mut key) = (None, None);
    for pair in pairs {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match name {
            "sslmode" => mode = Some(value),
            "sslrootcert" if value == "system" => by_system = true,
            "sslrootcert" => ssl.root_file = Some(path(value)?),
            "sslcert" => certificate = Some(path(value)?),
            "sslkey" => key = Some(path(value)?),
            "passfile" => password_file = Some(path(value)?),
            "gssencmode" if value != "require" => {}
            "gssencmode" => return Err(DatabaseError::Url(GSS)),
            _ if value == "false" => {}
            _ => return Err(DatabaseError::Url(POOLER)),
        }
    }
    // As in libpq: nobody asks for the public authorities to believe anyone.
    let mode = mode.unwrap_or(if by_system { "verify-full" } else { "prefer" });
    (ssl.mode, ssl.verify) = match mode {
        "disable" => (SslMode::Disable, Verify::Nothing),
        "prefer" | "allow" => (SslMode::Prefer, Verify::Nothing),
        "require" => (SslMode::Require, Verify::Nothing),
        "verify-ca" => (SslMode::Require, Verify::Authority),
        "verify-full" => (SslMode::Require, Verify::Name),
        _ => {
            return Err(DatabaseError::Url(
                "has an unknown sslmode: use disable, prefer, require, verify-ca or verify-full",
            ));
        }
    };
    if by_system && ssl.verify != Verify::Name {
        return Err(DatabaseError::Url(
            "has sslrootcert=system, which needs sslmode=verify-full",
        ));
    }
    if ssl.root_file.is_some() && ssl.verify == Verify::Nothing {
        return Err(DatabaseError::Url(
            "has sslrootcert, which needs sslmode=verify-full or verify-ca",
        ));
    }
    ssl.certificate = match (certificate, key) {
        (None, None) => None,
        (Some(certificate), Some(key)) => Some((certificate, key)),
        _ => {
            return Err(DatabaseError::Url(
                "has one of sslcert and sslkey: a client's certificate needs both",
            ));
        }
    };
    Ok((ssl, password_file))
}

pub(crate) const POOLER: &str = "says pgbouncer=true: a pooler in transaction mode lends one \
     session to several clients in turns, and gristmill needs sessions of its own; give it the \
     server's own address, or that of a pool in session mode, without pgbouncer=true";

const GSS: &str = "has gssencmode=require: gristmill encrypts by TLS, with sslmode=verify-full";

/// Object mappers and JDBC write it; neither libpq nor the driver knows it.
const SCHEMA: &str = "has the parameter schema or currentSchema, which Postgres does not know: \
     take it out, and write target.table = \"SCHEMA.TABLE\", or options=-csearch_path%3DSCHEMA in \
     the URL";

/// A path in a URL: `%2F` and the like are decoded.
fn path(value: &str) -> Result<PathBuf, DatabaseError> {
    let bytes = value.as_bytes();
    let (mut decoded, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(byte) = bytes.get(at) {
        let digits = (*byte == b'%').then(|| value.get(at + 1..at + 3)).flatten();
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(*byte);
                at += 1;
            }
        }
    }
    let text = String::from_utf8(decoded)
        .map_err(|_| DatabaseError::Url("names a file whose name is no UTF-8"))?;
    Ok(Path::new(&text).to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn spaces_and_line_breaks_around_a_url_are_none_of_it() {
        assert!(Url::new(" postgres://a:b@h/d\r\n").settings().is_ok());
        let broken = Url::new("postgres://a:se\ncret@h/d").settings();
        let text = broken.unwrap_err().to_string();
        assert!(
            text.contains("line break") && !text.contains("cret"),
            "{text}"
        );
    }

    #[test]
    fn a_file_with_a_password_that_others_may_read_is_told_of() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path();
        let warning = |mode, url: &str| {
            fs::write(path, url).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
            Url::new(&format!("file:{}", path.display())).warning()
        };
        let told = warning(0o644, "postgres://a:hunter2@h/d").unwrap();
        assert!(
            told.contains("chmod 600") && !told.contains("hunter2"),
            "{told}"
        );
        assert_eq!(warning(0o644, "postgres://a@h/d"), None);
        assert_eq!(warning(0o400, "postgres://a:hunter2@h/d"), None);
        assert_eq!(Url::new("postgres://a:hunter2@h/d").warning(), None);
    }

    fn read(url: &str) -> Settings {
        Settings::read(url).unwrap()
    }

    #[test]
    fn what_the_driver_does_not_know_is_taken_off_the_url() {
        let settings = read(
            "postgres://a:b@h/d?connect_timeout=3&sslmode=verify-full&sslrootcert=%2Fetc/ca.pem\
             &passfile=/run/pass&sslcert=/c.pem&sslkey=/k.pem&channel_binding=require",
        );
        let ssl = &settings.ssl;
        assert_eq!((ssl.mode, ssl.verify), (SslMode::Require, Verify::Name));
        assert_eq!(ssl.root_file.as_deref(), Some(Path::new("/etc/ca.pem")));
        assert_eq!(ssl.certificate, Some(("/c.pem".into(), "/k.pem".into())));
        assert_eq!(
            settings.password_file.as_deref(),
            Some(Path::new("/run/pass"))
        );
        let config = &settings.config;
        assert_eq!(config.get_connect_timeout().unwrap().as_secs(), 3);
        assert_eq!(config.get_channel_binding(), ChannelBinding::Require);
    }

    #[test]
    fn a_mode_says_what_is_verified() {
        for (query, mode, verify) in [
            ("", SslMode::Prefer, Verify::Nothing),
            ("?sslmode=require", SslMode::Require, Verify::Nothing),
            ("?sslmode=verify-ca", SslMode::Require, Verify::Authority),
            ("?sslrootcert=system", SslMode::Require, Verify::Name),
            (
                "?sslrootcert=system&sslmode=verify-full",
                SslMode::Require,
                Verify::Name,
            ),
        ] {
            let settings = read(&format!("postgresql://h/d{query}"));
            assert_eq!((settings.ssl.mode, settings.ssl.verify), (mode, verify));
            assert_eq!(settings.believes_anyone(), verify == Verify::Nothing);
        }
        assert!(!read("postgres://h/d?channel_binding=require").believes_anyone());
    }

    #[test]
    fn an_unknown_parameter_is_named_and_a_password_is_not() {
        let refused = |url: &str| Settings::read(url).unwrap_err().to_string();
        let unknown = refused("postgres://a:b@h/d?connect_timeout=3&connection_limit=5");
        assert!(
            unknown.contains("connection_limit") && !unknown.contains('5'),
            "{unknown}"
        );
        let bad = refused("postgres://a:b@h/d?keepalives_idle=soon");
        assert!(
            bad.contains("keepalives_idle") && !bad.contains("soon"),
            "{bad}"
        );
        let said = refused("postgres://a:p?secret@h/d?other=1");
        assert!(
            !said.contains("secret") && !said.contains("other"),
            "{said}"
        );
        assert!(refused("postgres://h/d?gssencmode=require").contains("gssencmode"));
        read("POSTGRESQL://a:b@h/d?keepalives=1&keepalives_idle=30&gssencmode=disable");
    }

    #[test]
    fn a_wish_that_would_not_be_granted_is_an_error() {
        for url in [
            "h/d",
            "postgres://h/d?sslmode=verify-all",
            "postgres://h/d?sslrootcert=/etc/ca.pem",
            "postgres://h/d?sslmode=require&sslrootcert=/etc/ca.pem",
            "postgres://h/d?sslmode=require&sslrootcert=system",
            "postgres://h/d?sslcert=/etc/me.pem",
            "postgres://h/d?pgbouncer=true",
            "postgres://h/d?schema=public",
            "postgres://h/d?currentSchema=public",
            "postgres://h/d\n?sslmode=disable",
        ] {
            assert!(Settings::read(url).is_err(), "{url}");
        }
        assert!(Settings::read("postgres://h/d?pgbouncer=false").is_ok());
    }
}
