//! Compiling a component, in a process of its own: a file of some kilobytes can make a compiler work for minutes or take gigabytes, and it comes before anybody knows what
//! the component is.

use std::fs;
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};

use rustix::process::{Resource, Rlimit, Signal, nice, setrlimit};
use tempfile::NamedTempFile;
use wasmtime::Engine;

use super::engine;
use super::instance::Meter;

/// The command of [`in_child`], which is not for people.
pub(crate) const COMMAND: &str = "compile-component";

/// Seconds of CPU, and bytes of memory, that a compilation may take: so much for any, and so much for each MiB of the component. Rules in Rust and C take 0.1-0.5 s and
/// 50 MiB, and are below 1 MiB; an interpreter of 30 MiB takes some 20 s and 1 GiB.
const CPU_S: u64 = 10;
const CPU_S_PER_MIB: u64 = 20;
const MEMORY_BYTES: u64 = 512 << 20;
const MEMORY_PER_BYTE: u64 = 100;

/// Why a component is not compiled, in a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct BeyondLimit(String);

/// Who compiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compiler {
    /// This process, without a limit.
    Here,
    /// A process of its own, under limits and with the lowest priority: this program once more, which must be gristmill's.
    Child,
}

impl Compiler {
    /// The compiled form of `bytes` for the engine that `meter` needs, as a file in `folder`.
    pub(super) fn compile(
        self,
        engine: &Engine,
        meter: Meter,
        bytes: &[u8],
        folder: &Path,
    ) -> wasmtime::Result<NamedTempFile> {
        let mut compiled = NamedTempFile::new_in(folder)?;
        match self {
            Self::Here => compiled.write_all(&engine.precompile_component(bytes)?)?,
            Self::Child => start_child(meter, bytes, folder, compiled.path())?,
        }
        Ok(compiled)
    }
}

fn start_child(meter: Meter, bytes: &[u8], folder: &Path, to: &Path) -> wasmtime::Result<()> {
    let mut component = NamedTempFile::new_in(folder)?;
    component.write_all(bytes)?;
    let mut child = Command::new(this_program()?);
    child.arg(COMMAND).arg(component.path()).arg(to);
    if meter == Meter::Fuel {
        child.arg("--metered");
    }
    // It gets no secrets.
    child.env_clear().stdin(Stdio::null()).stdout(Stdio::null());
    let ended = child.output()?;
    if ended.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&ended.stderr);
    Err(match beyond_limit(ended.status, &said, bytes.len()) {
        Some(beyond) => beyond.into(),
        None => wasmtime::Error::msg(said.trim().to_owned()),
    })
}

/// This very program, also when its file has been replaced meanwhile.
fn this_program() -> io::Result<PathBuf> {
    match cfg!(target_os = "linux") {
        true => Ok("/proc/self/exe".into()),
        false => std::env::current_exe(),
    }
}

fn beyond_limit(status: ExitStatus, said: &str, bytes: usize) -> Option<BeyondLimit> {
    let signal = status.signal()?;
    let what = if signal == Signal::XCPU.as_raw() {
        format!("{} s of CPU", cpu_s(bytes))
    } else if said.contains("memory allocation of") {
        format!("{} MiB of memory", memory_bytes(bytes) >> 20)
    } else {
        return Some(BeyondLimit(format!(
            "the process that compiles the component was ended by signal {signal}, by somebody else: try again, with more memory if the machine has none left"
        )));
    };
    Some(BeyondLimit(format!(
        "compiling the component takes more than the {what} that a file of {bytes} bytes may take, which no setting changes: split its largest functions"
    )))
}

fn mib(bytes: usize) -> u64 {
    (bytes as u64).div_ceil(1 << 20)
}

fn cpu_s(bytes: usize) -> u64 {
    CPU_S + CPU_S_PER_MIB * (mib(bytes) - 1)
}

fn memory_bytes(bytes: usize) -> u64 {
    MEMORY_BYTES + MEMORY_PER_BYTE * bytes as u64
}

/// Of [`COMMAND`].
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    component: PathBuf,
    compiled: PathBuf,
    /// For the engine that counts instructions
    #[arg(long)]
    metered: bool,
}

/// What the child does. The reason for a failure goes to its standard error.
pub(crate) fn in_child(args: &Args) -> ExitCode {
    match compile_limited(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn compile_limited(args: &Args) -> anyhow::Result<()> {
    let bytes = fs::read(&args.component)?;
    limit(Resource::Core, 0)?;
    limit(Resource::Cpu, cpu_s(bytes.len()))?;
    limit(Resource::Data, memory_bytes(bytes.len()))?;
    // Those who wait for a batch go first.
    nice(19)?;
    let meter = match args.metered {
        true => Meter::Fuel,
        false => Meter::Clock,
    };
    let compiled = engine::for_compiling(meter)?.precompile_component(&bytes)?;
    Ok(fs::write(&args.compiled, compiled)?)
}

fn limit(resource: Resource, to: u64) -> io::Result<()> {
    let limit = Rlimit {
        current: Some(to),
        // Of CPU a second more: the signal at `current` says why, the one at `maximum` does not.
        maximum: Some(to + 1),
    };
    Ok(setrlimit(resource, limit)?)
}
