//! A private, real PostgreSQL.

use std::fs::File;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::process::{Folder, Process, free_port, output, tail, wait_until};

/// The superuser of every server; no password.
const USER: &str = "app";
/// The variable that names the folder of another PostgreSQL's programs. Its libraries are beside
/// it.
const BIN: &str = "GRISTMILL_POSTGRES_BIN";
/// A loaded machine with two cores takes a few seconds; the rest is for a worse one.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// A server of its own in a temporary folder, on a free port, with `fsync` on as in production.
/// Stopped and removed when dropped.
#[derive(Debug)]
pub struct Postgres {
    bin: PathBuf,
    /// User and group that the server runs as when we are root, which PostgreSQL refuses to run
    /// as.
    user: Option<(u32, u32)>,
    port: u16,
    server: Mutex<Option<Process>>,
    folder: Folder,
}

impl Postgres {
    /// Starts a server with the programs that `GRISTMILL_POSTGRES_BIN` names, else with the newest
    /// PostgreSQL that is installed, and waits until it answers.
    pub fn start() -> Result<Self> {
        let folder = Folder::new("gristmill-postgres-")?;
        let user = unprivileged_user()?;
        if let Some((uid, gid)) = user {
            chown(folder.path(), Some(uid), Some(gid))?;
        }
        let bin = match std::env::var_os(BIN) {
            Some(bin) => copied(Path::new(&bin), folder.path())?,
            None => newest_bin()?,
        };
        let postgres = Self {
            bin,
            user,
            port: free_port()?,
            server: Mutex::new(None),
            folder,
        };
        let mut initdb = postgres.command("initdb");
        initdb
            .args([
                "--no-sync",
                "--no-locale",
                "--encoding=UTF8",
                "--auth=trust",
                "--username",
                USER,
                "--pgdata",
            ])
            .arg(postgres.data());
        output(&mut initdb)?;
        postgres.start_again()?;
        Ok(postgres)
    }

    /// One server for all tests of this binary; each takes a database of its own with
    /// [`Postgres::create_database`].
    pub fn shared() -> Result<&'static Self> {
        static SHARED: OnceLock<Result<Postgres, String>> = OnceLock::new();
        SHARED
            .get_or_init(|| Self::start().map_err(|e| format!("{e:#}")))
            .as_ref()
            .map_err(|e| anyhow::anyhow!("{e}"))
    }

    /// A connection URL of the database `postgres`.
    pub fn url(&self) -> String {
        self.database_url("postgres")
    }

    /// A connection URL of the database `name`.
    pub fn database_url(&self, name: &str) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/{name}", self.port)
    }

    /// Creates an empty database and returns its URL. `name` must not exist yet.
    pub fn create_database(&self, name: &str) -> Result<String> {
        self.psql("postgres", &format!("create database \"{name}\""))?;
        Ok(self.database_url(name))
    }

    /// Runs `sql` through psql in `database` and returns what it printed: fields separated by `|`,
    /// no heading.
    pub fn psql(&self, database: &str, sql: &str) -> Result<String> {
        let mut psql = self.command("psql");
        psql.args([
            "--no-psqlrc",
            "--quiet",
            "--tuples-only",
            "--no-align",
            "--set=ON_ERROR_STOP=1",
        ]);
        psql.args(["--dbname", &self.database_url(database), "--command", sql]);
        Ok(output(&mut psql)?.trim_end().to_owned())
    }

    /// The same as people see it: with headings and lines.
    pub fn psql_table(&self, database: &str, sql: &str) -> Result<String> {
        let mut psql = self.command("psql");
        psql.args([
            "--no-psqlrc",
            "--quiet",
            "--set=ON_ERROR_STOP=1",
            "--pset=footer=off",
        ]);
        psql.args(["--dbname", &self.database_url(database), "--command", sql]);
        Ok(output(psql.env("PGTZ", "UTC"))?.trim_end().to_owned())
    }

    /// The server's process id. An error while it is stopped.
    pub fn id(&self) -> Result<u32> {
        let server = self.server.lock().expect("the lock of the server");
        Ok(server.as_ref().context("the server is stopped")?.id())
    }

    /// The port it listens on, the same after a restart.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends it like a shutdown of the machine: transactions are rolled back, connections cut.
    pub fn stop(&self) -> Result<()> {
        let mut server = self.server.lock().expect("the lock of the server");
        if let Some(process) = server.as_mut() {
            process.signal("INT")?;
            process.wait(START_TIMEOUT)?;
        }
        *server = None;
        Ok(())
    }

    /// Ends it without a chance to clean up, as a crash does; starting again recovers from its log.
    pub fn kill(&self) -> Result<()> {
        let mut server = self.server.lock().expect("the lock of the server");
        if let Some(process) = server.as_mut() {
            process.kill()?;
        }
        *server = None;
        Ok(())
    }

    /// Starts it on the same data and port after [`Postgres::stop`] or [`Postgres::kill`].
    pub fn start_again(&self) -> Result<()> {
        let log = self.folder.path().join("server.log");
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data()).args([
            "-p",
            &self.port.to_string(),
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "max_connections=200",
        ]);
        command.arg("-c").arg(format!(
            "unix_socket_directories={}",
            self.folder.path().display()
        ));
        let file = File::options().create(true).append(true).open(&log)?;
        command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file);
        // QUIT ends it at once but lets it give back its shared memory.
        let mut process = Process::spawn(&mut command, "QUIT")?;
        wait_until("PostgreSQL to answer", START_TIMEOUT, || {
            // Another server on this port would answer too, so that ours lives is asked first.
            let Some(status) = process.exit_status()? else {
                return Ok(self.psql("postgres", "select 1").is_ok());
            };
            // After a kill it refuses to start until the old one's last backends are gone.
            process = Process::spawn(&mut command, "QUIT")?;
            bail!("PostgreSQL ended with {status} while it started");
        })
        .with_context(|| tail(&log))?;
        *self.server.lock().expect("the lock of the server") = Some(process);
        Ok(())
    }

    /// The server's log so far.
    pub fn log(&self) -> Result<String> {
        Ok(std::fs::read_to_string(
            self.folder.path().join("server.log"),
        )?)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, program: &str) -> Command {
        // A PostgreSQL that is there for tests may have no client.
        let own = self.bin.join(program);
        let mut command = match own.exists() {
            true => Command::new(own),
            false => Command::new(program),
        };
        // Not ours: perhaps a folder that the unprivileged user may not enter.
        command.current_dir("/").env("LC_ALL", "C");
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }
}

/// The programs of `bin`, with the folders beside it, copied below `folder`: the user that runs the
/// server may not enter where they lie. Returns the folder with the copies.
fn copied(bin: &Path, folder: &Path) -> Result<PathBuf> {
    let copy = folder.join("programs");
    let from = bin.parent().context("a folder of programs has a parent")?;
    output(Command::new("cp").arg("-r").arg(from).arg(&copy))?;
    Ok(copy.join(bin.file_name().unwrap_or_default()))
}

/// The folder with the server's programs: the newest of Debian's packages, else wherever `initdb`
/// is on the PATH.
fn newest_bin() -> Result<PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let versions = debian.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let installed = versions.map(|version| {
        (
            version,
            PathBuf::from(format!("/usr/lib/postgresql/{version}/bin")),
        )
    });
    let newest = installed
        .filter(|(_, bin)| bin.join("initdb").exists())
        .max()
        .map(|(_, bin)| bin);
    let on_path = || {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path)
            .find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
    };
    newest.or_else(on_path).context(
        "PostgreSQL's server is not installed: `make setup-postgres`, or `apt-get install \
         postgresql`",
    )
}

/// `postgres`, else `nobody`, when this process is root.
fn unprivileged_user() -> Result<Option<(u32, u32)>> {
    if Path::new("/proc/self").metadata()?.uid() != 0 {
        return Ok(None);
    }
    let passwd = std::fs::read_to_string("/etc/passwd")?;
    let find = |name: &str| {
        let mut fields = passwd
            .lines()
            .map(|line| line.split(':'))
            .find(|fields| fields.clone().next() == Some(name))?
            .skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    Ok(Some(find("postgres").or_else(|| find("nobody")).context(
        "neither `postgres` nor `nobody` in /etc/passwd to run the server as",
    )?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn committed_rows_survive_a_stop_and_a_kill() -> Result<()> {
        let postgres = Postgres::start()?;
        postgres.create_database("a")?;
        postgres.psql("a", "create table t (x int); insert into t values (1)")?;
        postgres.stop()?;
        assert!(postgres.psql("a", "select 1").is_err());
        postgres.start_again()?;
        postgres.psql("a", "insert into t values (2)")?;
        postgres.kill()?;
        postgres.start_again()?;
        assert_eq!(postgres.psql("a", "select x from t order by x")?, "1\n2");
        assert_eq!(postgres.psql("a", "show fsync")?, "on");
        Ok(())
    }
}
