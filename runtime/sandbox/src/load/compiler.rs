//! Compiling a component, in a process of its own: a file of some kilobytes can make a compiler
//! work for minutes or take gigabytes, and it comes before anybody knows what the component is.

use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, nice, setrlimit};
use wasmtime::Engine;

use crate::load::engine;
use crate::meter::Meter;

/// The command of [`in_child`], which is not for people.
pub const COMMAND: &str = "compile-component";

/// Seconds of CPU, and bytes of memory, that a compilation may take: so much for any, and so much
/// for each MiB of the component, up to a most. Rules in Rust and C take 0.1-0.5 s and 50 MiB, and
/// are below 1 MiB; an interpreter of 30 MiB takes some 20 s and 1 GiB.
const CPU_S: u64 = 10;
const CPU_S_PER_MIB: u64 = 20;
const CPU_S_MAX: u64 = 300;
/// Seconds by the clock for each of CPU, for a process that neither works nor ends. At its low
/// priority, on two cores with seven others at work, a compilation took more than ten.
const WALL_S_PER_CPU_S: u64 = 60;
const MEMORY_MIB: u64 = 512;
const MEMORY_MIB_PER_MIB: u64 = 100;
const MEMORY_MIB_MAX: u64 = 4_096;

/// Threads that compile one component: their stacks count as its memory, so they are as many on
/// every machine.
const THREADS: &str = "2";

/// Below those who wait for a batch; a busy machine still leaves it a tenth of a core.
const NICE: i32 = 10;

/// How the child says that the engine does not take the component, and not that it could not try.
const REFUSED: u8 = 3;
/// How the child says that it could not try.
const FAILED: u8 = 1;

/// Why there is no code.
#[derive(Debug)]
pub(crate) enum NotCompiled {
    /// The engine does not take the component.
    Refused(wasmtime::Error),
    /// It takes more than it may: the sentence says what to do.
    BeyondLimit(String),
    /// This host could not compile it; another may, or this one later.
    Host(String),
}

/// Who compiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compiler {
    /// This process, without a limit.
    Here,
    /// A process of its own, under limits and with a low priority: this program once more, which
    /// must be gristmill's.
    Child,
}

impl Compiler {
    /// The compiled form of `bytes` for the engine that `meter` needs.
    pub(crate) fn compile(
        self,
        engine: &Engine,
        meter: Meter,
        bytes: &[u8],
    ) -> Result<Vec<u8>, NotCompiled> {
        let here = || {
            engine
                .precompile_component(bytes)
                .map_err(NotCompiled::Refused)
        };
        if self == Self::Here {
            return here();
        }
        let wall = Duration::from_secs(WALL_S_PER_CPU_S * cpu_s(bytes.len()));
        let compiled = match start_child(meter).and_then(|child| talk(child, bytes, wall)) {
            Ok(ended) => judge(ended, bytes.len()),
            Err(error) => Err(NotCompiled::Host(format!(
                "the process that does it has no answer: {error}"
            ))),
        };
        match compiled {
            // Its code for the other engine was within the limits, and no batch should fail for
            // what the machine lacks.
            Err(NotCompiled::Host(why)) if meter == Meter::Fuel => {
                tracing::warn!("compiling a component in this process: {why}");
                here()
            }
            compiled => compiled,
        }
    }
}

fn start_child(meter: Meter) -> io::Result<Child> {
    command(this_program()?, meter).spawn()
}

fn command(program: PathBuf, meter: Meter) -> Command {
    let mut child = Command::new(program);
    child.arg(COMMAND);
    if meter == Meter::Fuel {
        child.arg("--metered");
    }
    // It takes bytes that nobody has looked at, and the environment may hold passwords.
    child.env_clear().env("RAYON_NUM_THREADS", THREADS);
    if let Some(libraries) = std::env::var_os("LD_LIBRARY_PATH") {
        child.env("LD_LIBRARY_PATH", libraries);
    }
    // A Ctrl-C in the terminal is for us: the child ends when we do.
    child.process_group(0);
    child
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    child
}

/// This very program, also when its file has been replaced meanwhile.
fn this_program() -> io::Result<PathBuf> {
    match cfg!(target_os = "linux") {
        true => Ok("/proc/self/exe".into()),
        false => std::env::current_exe(),
    }
}

/// Says the component and hears the answer, unless that takes longer than `wall`.
fn talk(mut child: Child, bytes: &[u8], wall: Duration) -> io::Result<Output> {
    let (stdin, pid) = (child.stdin.take(), Pid::from_child(&child));
    let is_overdue = &AtomicBool::new(false);
    let (answered, answer) = mpsc::channel::<()>();
    let ended = std::thread::scope(|scope| {
        // How it ends says more than why it does not listen.
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(bytes)));
        scope.spawn(move || {
            if answer.recv_timeout(wall) == Err(RecvTimeoutError::Timeout) {
                is_overdue.store(true, Ordering::Relaxed);
                // It has not been waited for, so the number is still its own.
                let _ = kill_process(pid, Signal::KILL);
            }
        });
        let ended = child.wait_with_output();
        drop(answered);
        ended
    })?;
    match is_overdue.load(Ordering::Relaxed) {
        true => Err(io::Error::other(format!(
            "it took longer than {} s and was ended",
            wall.as_secs()
        ))),
        false => Ok(ended),
    }
}

fn judge(ended: Output, bytes: usize) -> Result<Vec<u8>, NotCompiled> {
    let stderr = String::from_utf8_lossy(&ended.stderr).trim().to_owned();
    let beyond = |what| {
        NotCompiled::BeyondLimit(format!(
            "compiling the component takes more than the {what} that a file of {bytes} bytes may \
             take, which no setting changes: split its largest functions"
        ))
    };
    let signal = |signal: Signal| ended.status.signal() == Some(signal.as_raw());
    if ended.status.success() {
        Ok(ended.stdout)
    } else if signal(Signal::XCPU) {
        Err(beyond(format!("{} s of CPU", cpu_s(bytes))))
    } else if stderr.contains("memory allocation of") || stderr.contains("Cannot allocate memory") {
        Err(beyond(format!("{} MiB of memory", memory_mib(bytes))))
    } else if ended.status.code() == Some(REFUSED.into()) {
        Err(NotCompiled::Refused(wasmtime::Error::msg(stderr)))
    } else if signal(Signal::SEGV) || signal(Signal::ABORT) || stderr.contains("panicked at") {
        let crashed = format!("the compiler crashed ({}) {stderr}", ended.status);
        Err(NotCompiled::Refused(wasmtime::Error::msg(crashed)))
    } else {
        Err(NotCompiled::Host(format!(
            "the process that does it ended with {}, for want of memory perhaps; {stderr}",
            ended.status
        )))
    }
}

fn mib(bytes: usize) -> u64 {
    bytes as u64 >> 20
}

fn cpu_s(bytes: usize) -> u64 {
    (CPU_S + CPU_S_PER_MIB * mib(bytes)).min(CPU_S_MAX)
}

fn memory_mib(bytes: usize) -> u64 {
    (MEMORY_MIB + MEMORY_MIB_PER_MIB * mib(bytes)).min(MEMORY_MIB_MAX)
}

/// The arguments of [`COMMAND`].
#[derive(Debug, clap::Args)]
pub struct CompileArgs {
    /// For the engine that counts instructions
    #[arg(long)]
    metered: bool,
}

/// Why the child has no code to give. Its parent reads the reason from the child's standard error
/// and knows by the exit code what kind it is.
#[derive(Debug)]
pub struct ChildFailed {
    pub exit_code: u8,
    pub reason: String,
}

/// What the child does: a component from its standard input, compiled, to its standard output.
pub fn in_child(args: &CompileArgs) -> Result<(), ChildFailed> {
    let meter = match args.metered {
        true => Meter::Fuel,
        false => Meter::Clock,
    };
    let (exit_code, reason) = match compile_limited(meter) {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(refused)) => (REFUSED, format!("{refused:#}")),
        Err(error) => (FAILED, format!("{error:#}")),
    };
    Err(ChildFailed { exit_code, reason })
}

fn compile_limited(meter: Meter) -> anyhow::Result<wasmtime::Result<()>> {
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    nice(NICE)?;
    let mut bytes = Vec::new();
    io::stdin().read_to_end(&mut bytes)?;
    limit(Resource::Core, 0, 0)?;
    // The signal at the first limit says why, the one at the second does not.
    limit(Resource::Cpu, cpu_s(bytes.len()), 1)?;
    limit(Resource::Data, memory_mib(bytes.len()) << 20, 0)?;
    let engine = engine::for_compiling(meter)?;
    let compiled = match engine.precompile_component(&bytes) {
        Ok(compiled) => compiled,
        Err(refused) => return Ok(Err(refused)),
    };
    io::stdout().write_all(&compiled)?;
    Ok(Ok(()))
}

/// Lowers a limit; one that is lower already stays.
fn limit(resource: Resource, to: u64, grace: u64) -> io::Result<()> {
    let most = getrlimit(resource).maximum.unwrap_or(u64::MAX);
    let limit = Rlimit {
        current: Some(to.min(most)),
        maximum: Some((to + grace).min(most)),
    };
    Ok(setrlimit(resource, limit)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiler_gets_nothing_of_the_environment() {
        // Says its argument until nobody reads it.
        let mut child = command("/usr/bin/yes".into(), Meter::Clock)
            .spawn()
            .unwrap();
        let mut said = [0];
        child
            .stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut said)
            .unwrap();
        let got = std::fs::read(format!("/proc/{}/environ", child.id())).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        for variable in String::from_utf8_lossy(&got).split_terminator('\0') {
            let (name, _) = variable.split_once('=').unwrap();
            assert!(
                name == "RAYON_NUM_THREADS" || name == "LD_LIBRARY_PATH",
                "{name}"
            );
        }
    }

    #[test]
    fn a_compiler_that_does_not_end_is_ended() {
        let mut sleeper = Command::new("sleep");
        sleeper.arg("1000").stdin(Stdio::piped());
        let sleeper = sleeper.stdout(Stdio::piped()).stderr(Stdio::piped());
        let error = talk(sleeper.spawn().unwrap(), b"x", Duration::from_millis(50)).unwrap_err();
        assert!(error.to_string().contains("was ended"), "{error}");
    }
}
