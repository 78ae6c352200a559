//! Child processes and folders that never outlive the test, however it ends.
//!
//! A shared server lives in a static, which Rust never drops, and a test can be killed. So each
//! child and each folder has a watchdog: a shell that waits on a pipe of ours and cleans up when
//! the kernel closes it.

use std::io::Read;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// A child process in its own process group; ended when dropped, and when this process dies.
#[derive(Debug)]
pub struct Process {
    child: Child,
    watchdog: Child,
    last_signal: &'static str,
}

impl Process {
    /// Starts `command`. `last_signal` (`KILL`, `QUIT`) is what ends it when it is dropped.
    pub fn spawn(command: &mut Command, last_signal: &'static str) -> Result<Self> {
        let child = command
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let script = r#"read -r _; kill -s "$1" -- "-$2"; kill -s "$1" "$2""#;
        let watchdog = watchdog(script, &[last_signal, &child.id().to_string()])?;
        Ok(Self {
            child,
            watchdog,
            last_signal,
        })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The child's standard output, once; for one that was started with a pipe.
    pub fn stdout(&mut self) -> Option<std::process::ChildStdout> {
        self.child.stdout.take()
    }

    /// Sends a signal by name: `TERM`, `INT`, `STOP`.
    pub fn signal(&self, name: &str) -> Result<()> {
        let status = Command::new("sh")
            .args(["-c", r#"kill -s "$0" "$1""#, name, &self.id().to_string()])
            .status()?;
        if !status.success() {
            bail!("cannot send {name} to process {}", self.id());
        }
        Ok(())
    }

    /// kill -9, and waits until it is gone.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// `None` while it runs.
    pub fn exit_status(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Waits for it to end by itself; an error after `within`.
    pub fn wait(&mut self, within: Duration) -> Result<ExitStatus> {
        let mut status = None;
        wait_until("the process to end", within, || {
            status = self.exit_status()?;
            Ok(status.is_some())
        })?;
        status.context("no exit status")
    }

    /// Resident memory in bytes, from /proc.
    pub fn resident_bytes(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let line = status
            .lines()
            .find_map(|l| l.strip_prefix("VmRSS:"))
            .context("the process has ended")?;
        let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kibibytes * 1024)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Before the child is reaped: afterwards its id could be another's.
        let _ = self.watchdog.kill();
        let _ = self.watchdog.wait();
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.signal(self.last_signal);
            if self.wait(Duration::from_secs(5)).is_err() {
                let _ = self.kill();
            }
        }
    }
}

/// A temporary folder; removed when dropped, and when this process dies.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    watchdog: Child,
}

impl Folder {
    /// A new, empty folder, readable by its owner only.
    pub fn new(prefix: &str) -> Result<Self> {
        let path = tempfile::Builder::new().prefix(prefix).tempdir()?.keep();
        // A server that is dying at the same moment may still write.
        let script = r#"read -r _; for i in 1 2 3 4 5; do rm -rf "$1" && break; sleep 1; done"#;
        let watchdog = watchdog(
            script,
            &[path
                .to_str()
                .context("a temporary folder that is not UTF-8")?],
        )?;
        Ok(Self { path, watchdog })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        let _ = self.watchdog.wait();
    }
}

/// A shell that runs `script` when our end of its standard input closes. In its own process group,
/// so that Ctrl-C on a terminal does not end it first.
fn watchdog(script: &str, arguments: &[&str]) -> Result<Child> {
    Command::new("sh")
        .args(["-c", script, "watchdog"])
        .args(arguments)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start sh")
}

/// Asks `done` every 50 ms until it answers true; an error after `within`, which says what was
/// waited `for_what` and the last error of `done`.
pub fn wait_until(
    for_what: &str,
    within: Duration,
    mut done: impl FnMut() -> Result<bool>,
) -> Result<()> {
    let deadline = Instant::now() + within;
    loop {
        let answer = done();
        if matches!(answer, Ok(true)) {
            return Ok(());
        }
        if Instant::now() > deadline {
            answer.with_context(|| format!("waited {within:?} for {for_what}"))?;
            bail!("waited {within:?} for {for_what}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A free port on 127.0.0.1.
///
/// Below Linux' ephemeral range (from 32768): while a server is stopped, a client that tries again
/// and again could otherwise be given the server's own port as its local one, connect to itself,
/// and keep the server from coming back.
pub fn free_port() -> Result<u16> {
    let mut random = SmallRng::from_os_rng();
    for _ in 0..1000 {
        let port = random.random_range(15_000..32_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port between 15000 and 32000")
}

/// Runs `command` to its end; an error with its output unless it succeeds. Returns its standard
/// output.
pub fn output(command: &mut Command) -> Result<String> {
    let program = command.get_program().display().to_string();
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {program}"))?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!(
            "{program}: {}\n{stdout}{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(stdout)
}

/// The last lines of a server's log, for error messages.
pub fn tail(log: &Path) -> String {
    let mut text = String::new();
    if let Ok(mut file) = std::fs::File::open(log) {
        let _ = file.read_to_string(&mut text);
    }
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_and_a_folder_go_when_dropped() -> Result<()> {
        let folder = Folder::new("gristmill-process-")?;
        std::fs::write(folder.path().join("file"), "x")?;
        let process = Process::spawn(Command::new("sleep").arg("1000"), "KILL")?;
        let (id, path) = (process.id(), folder.path().to_owned());
        assert!(process.resident_bytes()? > 0);
        drop(process);
        drop(folder);
        assert!(!Path::new(&format!("/proc/{id}")).exists());
        assert!(!path.exists());
        Ok(())
    }

    #[test]
    fn a_closed_lifeline_kills_the_child() -> Result<()> {
        let mut process = Process::spawn(Command::new("sleep").arg("1000"), "KILL")?;
        drop(process.watchdog.stdin.take());
        assert!(!process.wait(Duration::from_secs(20))?.success());
        Ok(())
    }
}
