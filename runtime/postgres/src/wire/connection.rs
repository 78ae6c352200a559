//! The one place that makes connections.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use gristmill_core::policy::{Action, action};
use tokio::task::JoinHandle;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::tls::{MakeTlsConnect, TlsStream};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage, SimpleQueryRow, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::wire::database_error::{ConnectError, DatabaseError, fault};
use crate::wire::dial::Server;
use crate::wire::line::{Line, WatchedSocket};
use crate::wire::password_file::{Wanted, look_up};
use crate::wire::pulse::Pulse;
use crate::wire::tls;
use crate::wire::url::{Settings, Url};

/// Connecting to a server that is there takes milliseconds; to one behind a firewall that drops
/// packets, minutes. Another as long is left for what it then says.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What every session of ours relies on:
///
/// - `lock_timeout`: an answer (55P03, retried in place) soon enough for others to have their turn
///   at the connection;
/// - `statement_timeout`: a flush takes milliseconds, the largest a second or two;
/// - read committed: the upsert's guard must see the newest version of a row it waited for;
/// - `synchronous_commit`: a checkpoint that a crash of the server takes back is re-read, but one
///   that was answered must last. Only ever raised;
/// - no JIT: to compile a statement that takes milliseconds takes seconds on a busy machine;
/// - UTC: a `timestamp` column without time zone holds UTC;
/// - how text is read and names are shown, whatever the database says: a null in an array, the
///   signs of an interval, all digits of a double, the catalogue's types;
/// - Postgres' own functions and types come before all others, as where the search path does not
///   name their schema.
const SESSION: &str = r#"
    select pg_catalog.set_config('search_path', pg_catalog.regexp_replace(
      pg_catalog.regexp_replace(
        pg_catalog.current_setting('search_path'), '^\s*"?pg_catalog"?\s*(,|$)', ''
      ),
      ',\s*"?pg_catalog"?\s*(?=,|$)', '', 'g'
    ), false);
    set idle_in_transaction_session_timeout = '10s';
    set statement_timeout = '60s';
    set lock_timeout = '2s';
    set default_transaction_isolation = 'read committed';
    set jit = off;
    set timezone = 'UTC';
    set array_nulls = on;
    set intervalstyle = 'postgres';
    set extra_float_digits = 1;
    set quote_all_identifiers = off;
    select pg_catalog.set_config('synchronous_commit', 'on', false)
    where pg_catalog.current_setting('synchronous_commit') in ('off', 'local');
    select pg_catalog.pg_backend_pid(), pg_catalog.current_setting('transaction_read_only')"#;

/// A server's address, and the role that connects to it.
#[derive(Clone)]
pub struct Database {
    address: Arc<Address>,
    pulse: Arc<Pulse>,
}

/// Where the server is, and who asks.
#[derive(Debug)]
struct Address {
    url: Url,
    /// What `pg_stat_activity` shows.
    application: String,
    place: String,
    /// Whether it was said that whoever answers is believed.
    warned: AtomicBool,
    /// Whether it was asked if a pooler answers there.
    asked: AtomicBool,
}

impl Database {
    /// Reads a URL as libpq does: `postgres://user:password@host:port/database?sslmode=..`, or
    /// `file:PATH` for a file that holds one; docs/reference has what it may say. `application` is
    /// what `pg_stat_activity` shows. The files that it names are read again at each new
    /// connection.
    pub fn new(url: &str, application: &str) -> Result<Self, DatabaseError> {
        let url = Url::new(url);
        let settings = url.settings()?;
        tls(&settings)?;
        // A process opens its database more than once.
        static SAID: Once = Once::new();
        if let Some(warning) = url.warning() {
            SAID.call_once(|| tracing::warn!("{warning}"));
        }
        Ok(Self {
            address: Arc::new(Address {
                url,
                application: application.to_owned(),
                place: place(&settings),
                warned: AtomicBool::new(false),
                asked: AtomicBool::new(false),
            }),
            pulse: Arc::default(),
        })
    }

    /// `host:port/database as user`, for messages.
    pub fn place(&self) -> String {
        self.address.place.clone()
    }

    /// Since when the server has answered nothing that it was asked.
    pub fn silent_since(&self) -> Option<Instant> {
        self.pulse.silent_since()
    }

    /// Connects, and sets what every session of ours relies on.
    pub async fn connect(&self) -> Result<Connection, DatabaseError> {
        let address = Arc::downgrade(&self.address);
        self.pulse.begin(&self.address.place, move || {
            let address = address.upgrade()?;
            Some(async move { address.is_there().await })
        });
        let begun = Instant::now();
        let connected = self.address.connect(&self.pulse).await;
        match &connected {
            Err(error) if error.is_silence() => {
                self.pulse.silent_from(begun, &self.address.place);
            }
            _ => self.pulse.answered(&self.address.place),
        }
        connected
    }
}

impl Address {
    /// Whether anybody answers there: a refusal is an answer.
    async fn is_there(&self) -> bool {
        let pulse = Pulse::default();
        match self.url.settings() {
            Ok(settings) => {
                for server in Server::all(&settings.config) {
                    match self.open(&settings, &server, &pulse).await {
                        Err(error) if error.is_silence() => {}
                        _ => return true,
                    }
                }
                false
            }
            Err(_) => true,
        }
    }

    /// The first server that answers, and that can be written to where the URL asks for one.
    async fn connect(&self, pulse: &Pulse) -> Result<Connection, DatabaseError> {
        let settings = self.url.settings()?;
        let config = &settings.config;
        let servers = Server::all(config);
        let wanted = match config.get_target_session_attrs() {
            TargetSessionAttrs::Any if servers.len() > 1 => TargetSessionAttrs::ReadWrite,
            wanted => wanted,
        };
        let mut failed = None;
        for server in &servers {
            let connected = async {
                let open = || self.open(&settings, server, pulse);
                let mut connection = open().await?;
                self.refuse_pooler(&connection, open()).await?;
                connection.set_up().await.map_err(|e| self.failed(e))?;
                Ok(connection)
            };
            failed = Some(match connected.await {
                Ok(connection) => match wanted {
                    TargetSessionAttrs::ReadWrite if connection.only_reads => {
                        DatabaseError::ReadOnly {
                            place: self.place.clone(),
                        }
                    }
                    _ => return Ok(connection),
                },
                Err(error) => error,
            });
        }
        Err(failed.unwrap_or(DatabaseError::Url("names no host")))
    }

    /// Makes sure once that sessions are ours alone, before anything is set in one. Says nothing
    /// of what cannot be asked.
    async fn refuse_pooler(
        &self,
        one: &Connection,
        other: impl Future<Output = Result<Connection, DatabaseError>>,
    ) -> Result<(), DatabaseError> {
        if self.asked.load(Ordering::Relaxed) {
            return Ok(());
        }
        let Ok(other) = other.await else {
            return Ok(());
        };
        if shares_backends(one, &other).await.unwrap_or(false) {
            return Err(DatabaseError::Pooled {
                place: self.place.clone(),
            });
        }
        self.asked.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// A session of `server` as it comes.
    async fn open(
        &self,
        settings: &Settings,
        server: &Server,
        pulse: &Pulse,
    ) -> Result<Connection, DatabaseError> {
        let patience = settings.config.get_connect_timeout().copied();
        let patience = patience.unwrap_or(CONNECT_TIMEOUT);
        let line = pulse.line();
        let socket = server.dial(patience).await.map_err(|e| self.failed(e))?;
        let stream = WatchedSocket::new(socket, Arc::clone(&line));
        let config = self.config(settings, server)?;
        let tls = tls(settings)?.filter(|_| config.get_ssl_mode() != SslMode::Disable);
        let served = async {
            match tls {
                None => serve(config.connect_raw(stream, NoTls).await?, &line),
                Some(mut tls) => {
                    let name = server.name();
                    let tls = MakeTlsConnect::<WatchedSocket>::make_tls_connect(&mut tls, &name);
                    let Ok(tls) = tls;
                    serve(config.connect_raw(stream, tls).await?, &line)
                }
            }
        };
        match tokio::time::timeout(patience, served).await {
            Ok(connected) => connected.map_err(|e| self.failed(e)),
            Err(_) => Err(DatabaseError::Silent {
                place: self.place.clone(),
            }),
        }
    }

    /// What the driver is told about `server`.
    fn config(&self, settings: &Settings, server: &Server) -> Result<Config, DatabaseError> {
        let mut config = settings.config.clone();
        config.application_name(&self.application);
        if let Some(Host::Unix(_)) = server.host {
            config.ssl_mode(SslMode::Disable);
        }
        if config.get_password().is_none() {
            let user = config.get_user().unwrap_or_default();
            let wanted = Wanted {
                host: &server.name(),
                port: server.port,
                database: config.get_dbname().unwrap_or(user),
                user,
            };
            if let Some(password) = look_up(settings.password_file.as_deref(), &wanted)? {
                config.password(password);
            }
        }
        let is_at_risk =
            config.get_password().is_some() && !server.is_local() && settings.believes_anyone();
        if is_at_risk && !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "whoever answers at {} is taken for the server and may learn the password: add \
                 sslmode=verify-full to the database URL",
                self.place
            );
        }
        Ok(config)
    }

    fn failed(&self, source: impl Into<ConnectError>) -> DatabaseError {
        DatabaseError::Connect {
            place: self.place.clone(),
            source: source.into(),
        }
    }
}

fn tls(settings: &Settings) -> Result<Option<MakeRustlsConnect>, DatabaseError> {
    match settings.ssl.mode {
        SslMode::Disable => Ok(None),
        _ => tls::connector(&settings.ssl).map(Some),
    }
}

fn place(settings: &Settings) -> String {
    let config = &settings.config;
    let servers = Server::all(config);
    let servers: Vec<_> = servers
        .iter()
        .map(|server| format!("{}:{}", server.name(), server.port))
        .collect();
    let user = config.get_user().unwrap_or("this user");
    let database = config.get_dbname().unwrap_or(user);
    format!("{}/{database} as {user}", servers.join(","))
}

/// Lets a task of its own move what is sent and received.
fn serve<T>(
    (client, connection): (Client, tokio_postgres::Connection<WatchedSocket, T>),
    line: &Arc<Line>,
) -> Result<Connection, tokio_postgres::Error>
where
    T: TlsStream + Unpin + Send + 'static,
{
    let task = tokio::spawn(async move { log_end(connection.await) });
    line.served_by(task.abort_handle());
    Ok(Connection {
        client,
        task,
        _line: Arc::clone(line),
        statements: HashMap::new(),
        pid: 0,
        only_reads: false,
        busy: false,
        spoiled: false,
    })
}

/// Whether two sessions that are open at once have one backend, or one of them another each time:
/// then a pooler lends them from transaction to transaction.
async fn shares_backends(one: &Client, other: &Client) -> Option<bool> {
    let before = backend(one, "").await?;
    // What was given back last is lent first.
    let held = backend(other, "begin;").await?;
    Some(before == held || before != backend(one, "").await?)
}

/// The backend that runs it, by the protocol that poolers know best.
async fn backend(client: &Client, first: &str) -> Option<String> {
    let sql = format!("{first} select pg_catalog.pg_backend_pid()");
    Some(
        last_row(&client.simple_query(&sql).await.ok()?)?
            .get(0)?
            .to_owned(),
    )
}

fn last_row(answers: &[SimpleQueryMessage]) -> Option<&SimpleQueryRow> {
    answers.iter().rev().find_map(|answer| match answer {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    })
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
    /// Watched for as long as somebody may wait for an answer.
    _line: Arc<Line>,
    /// Statements by their SQL, prepared once a session.
    statements: HashMap<Arc<str>, Statement>,
    /// Set while the session is in the middle of something; a future dropped there leaves it set.
    pub(crate) busy: bool,
    /// Set when another session may fare better: this one is not lent again.
    spoiled: bool,
    /// Its backend.
    pid: i32,
    /// Whether transactions could not write when it began. That may be for ever in this session,
    /// and over for the next: a service that ran out of disk, a server that became the primary.
    only_reads: bool,
}

impl Connection {
    /// Whether it is open, between statements, and as good as a new one.
    pub fn is_usable(&self) -> bool {
        !self.busy && !self.spoiled && !self.client.is_closed()
    }

    /// Its backend's process.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Notes an error that a statement ended with: some say that another session may fare better.
    pub(crate) fn heard(&mut self, error: &tokio_postgres::Error) {
        self.spoiled |= action(&fault(error)) == Action::Restart;
    }

    async fn set_up(&mut self) -> Result<(), tokio_postgres::Error> {
        let answers = self.client.simple_query(SESSION).await?;
        let last = last_row(&answers);
        let said = |column| last.and_then(|row| row.get(column));
        self.pid = said(0).and_then(|pid| pid.parse().ok()).unwrap_or_default();
        self.only_reads = said(1) == Some("on");
        self.spoiled = self.only_reads;
        Ok(())
    }

    /// Whether Postgres let it write nothing when it began.
    pub fn only_reads(&self) -> bool {
        self.only_reads
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
