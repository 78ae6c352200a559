//! The one place that makes connections.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Config, NoTls, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::wire::database_error::DatabaseError;
use crate::wire::tls;

/// Kafka waits this long for a silent host before it gives its partitions away
/// (`session_timeout_ms`): afterwards a lock or a half-open connection of ours is only in the next
/// owner's way.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// Connecting to a server that is there takes milliseconds; to one behind a firewall that drops
/// packets, minutes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const KEEPALIVE_IDLE: Duration = Duration::from_secs(5);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(2);
const KEEPALIVE_RETRIES: u32 = 3;

/// What every session of ours relies on:
///
/// - `lock_timeout`: an answer (55P03, retried in place) well within [`SILENCE_MAX`];
/// - `statement_timeout`: a flush takes milliseconds, the largest a second or two;
/// - read committed: the upsert's guard must see the newest version of a row it waited for;
/// - `synchronous_commit`: a checkpoint that a crash of the server takes back is re-read, but one
///   that was answered must last. Only ever raised;
/// - UTC: a `timestamp` column without time zone holds UTC.
const SESSION: &str = r"
    set idle_in_transaction_session_timeout = '10s';
    set statement_timeout = '60s';
    set lock_timeout = '5s';
    set default_transaction_isolation = 'read committed';
    set timezone = 'UTC';
    select set_config('synchronous_commit', 'on', false)
    where current_setting('synchronous_commit') in ('off', 'local')";

/// A server's address, and the role that connects to it.
#[derive(Clone)]
pub struct Database {
    config: Arc<Config>,
    tls: Option<MakeRustlsConnect>,
}

impl Database {
    /// Reads a URL as libpq does: `postgres://user:password@host:port/database?sslmode=..`;
    /// `sslmode` is `disable`, `prefer` (the default), `require` (encrypted, but whoever
    /// answers is believed) or `verify-full`, which `sslrootcert=FILE` gives its own authorities.
    /// `application` is what `pg_stat_activity` shows.
    pub fn new(url: &str, application: &str) -> Result<Self, DatabaseError> {
        let (url, ssl) = tls::split(url)?;
        // A password with a bare `@` would be cut there and its rest be taken for the host, which
        // messages show.
        if url
            .split('?')
            .next()
            .unwrap_or_default()
            .matches('@')
            .count()
            > 1
        {
            return Err(DatabaseError::Url(
                "has more than one `@`: write one that belongs to the password as %40",
            ));
        }
        let mut config: Config = url.parse().map_err(|_| {
            DatabaseError::Url(
                "cannot be read: expected postgres://user:password@host:port/database",
            )
        })?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(DatabaseError::Url(
                "names no host: expected postgres://user:password@host:port/database",
            ));
        }
        config.application_name(application).ssl_mode(ssl.mode());
        config
            .tcp_user_timeout(SILENCE_MAX)
            .keepalives_idle(KEEPALIVE_IDLE);
        config
            .keepalives_interval(KEEPALIVE_INTERVAL)
            .keepalives_retries(KEEPALIVE_RETRIES);
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_hosts().len() > 1
            && config.get_target_session_attrs() == TargetSessionAttrs::Any
        {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        let tls = if config.get_ssl_mode() == SslMode::Disable {
            None
        } else {
            Some(tls::connector(&ssl)?)
        };
        Ok(Self {
            config: Arc::new(config),
            tls,
        })
    }

    /// `host:port/database as user`, for messages.
    pub fn place(&self) -> String {
        let config = &self.config;
        let hosts = config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(path) => path.display().to_string(),
        });
        let mut ports = config.get_ports().iter().copied().cycle();
        let hosts: Vec<_> = hosts
            .map(|host| format!("{host}:{}", ports.next().unwrap_or(5432)))
            .collect();
        let user = config.get_user().unwrap_or("this user");
        format!(
            "{}/{} as {user}",
            hosts.join(","),
            config.get_dbname().unwrap_or(user)
        )
    }

    /// Connects, and sets what every session of ours relies on.
    pub async fn connect(&self) -> Result<Connection, DatabaseError> {
        let connected = tokio::time::timeout(self.patience(), self.connect_patiently()).await;
        match connected {
            Ok(connected) => connected.map_err(|source| DatabaseError::Connect {
                place: self.place(),
                source,
            }),
            Err(_) => Err(DatabaseError::Silent {
                place: self.place(),
            }),
        }
    }

    /// Each host's time to connect, and some for the one that answers: the driver's own limit ends
    /// with the socket.
    fn patience(&self) -> Duration {
        let hosts = self
            .config
            .get_hosts()
            .len()
            .max(self.config.get_hostaddrs().len()) as u32;
        let each = self
            .config
            .get_connect_timeout()
            .copied()
            .unwrap_or(CONNECT_TIMEOUT);
        SILENCE_MAX + each * hosts
    }

    async fn connect_patiently(&self) -> Result<Connection, tokio_postgres::Error> {
        let (client, task) = match &self.tls {
            None => {
                let (client, connection) = self.config.connect(NoTls).await?;
                (
                    client,
                    tokio::spawn(async move { log_end(connection.await) }),
                )
            }
            Some(tls) => {
                let (client, connection) = self.config.connect(tls.clone()).await?;
                (
                    client,
                    tokio::spawn(async move { log_end(connection.await) }),
                )
            }
        };
        let connection = Connection {
            client,
            task,
            statements: HashMap::new(),
            busy: false,
        };
        connection.batch_execute(SESSION).await?;
        Ok(connection)
    }
}

/// The statement that meets the lost connection reports it; this is for the idle ones.
fn log_end(ended: Result<(), tokio_postgres::Error>) {
    if let Err(error) = ended {
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            "a connection to postgres ended"
        );
    }
}

/// A session. Derefs to the client; dropping it closes the session at once.
pub struct Connection {
    client: Client,
    task: JoinHandle<()>,
    /// Statements by their SQL, prepared once a session.
    statements: HashMap<Arc<str>, Statement>,
    /// Set while the session is in the middle of something; a future dropped there leaves it set.
    pub(crate) busy: bool,
}

impl Connection {
    /// Whether it is open and between statements.
    pub fn is_usable(&self) -> bool {
        !self.busy && !self.client.is_closed()
    }

    /// Makes the session read-only: Postgres itself refuses whatever would write.
    pub async fn only_read(&self) -> Result<(), DatabaseError> {
        let sql = "set default_transaction_read_only = on";
        self.batch_execute(sql)
            .await
            .map_err(DatabaseError::query("make the session read-only"))
    }

    /// Prepares `sql` with parameters of `types`, or finds it prepared.
    pub(crate) async fn prepared(
        &mut self,
        sql: &Arc<str>,
        types: &[Type],
    ) -> Result<Statement, tokio_postgres::Error> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare_typed(sql, types).await?;
        self.statements.insert(Arc::clone(sql), statement.clone());
        Ok(statement)
    }
}

impl Deref for Connection {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.client
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}
