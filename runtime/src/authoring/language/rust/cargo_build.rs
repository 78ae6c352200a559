//! From a rule's source to its module; and what is wrong with either, in the words of whoever wrote
//! it: no linker's command line, no name of an interface.

use std::env;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Error, Result, anyhow, bail, ensure};
use serde::Deserialize;

use super::guest_build::TARGET;
use gristmill_sandbox::file;

/// How the compiler's message begins when the linker fails. Behind it comes the linker's command
/// line.
const LINKING: &str = "linking with `";

/// What stands before the name of what a linker misses.
const MISSING: [&str; 2] = ["undefined symbol: ", "unable to find library -l"];

/// The crate through which others reach a browser's JavaScript for clock and random numbers, and
/// how the modules begin that it imports.
const BROWSER: (&str, &str) = ("wasm-bindgen", "__wbindgen_");

/// The crate through which others ask an operating system for random numbers. It does not compile
/// where there is none, and says something of this.
const RANDOM: (&str, &str) = ("getrandom", "unknown-unknown");

/// More names than this tell nothing new.
const NAMED_MAX: usize = 3;

const NOTHING_OUTSIDE: &str = "a rule has nothing but its config and its row (no clock, file, \
                               network, environment or random numbers, no library of another \
                               language)";

/// A line of what cargo answers; those about other things than the source have no message.
#[derive(Deserialize)]
struct Line {
    message: Option<Diagnostic>,
}

#[derive(Deserialize)]
struct Diagnostic {
    message: String,
    /// The message as the compiler shows it.
    rendered: Option<String>,
    children: Vec<Diagnostic>,
}

pub(super) fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Why cargo did not start.
pub(super) fn no_cargo(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound => {
            anyhow!("there is no cargo here: install Rust from https://rustup.rs")
        }
        _ => Error::new(error).context("cannot start cargo"),
    }
}

/// Runs the `cargo build` of the rule `name`, whose `Cargo.toml` is `manifest`. What the compiler
/// says goes to standard error, but for what a linker says, which is told in the error.
pub(super) fn run(name: &str, manifest: &Path, cargo: &mut Command) -> Result<()> {
    let format = match io::stderr().is_terminal() {
        true => "json-diagnostic-rendered-ansi",
        false => "json",
    };
    cargo.args(["--message-format", format]);
    let mut cargo = cargo.stdout(Stdio::piped()).spawn().map_err(no_cargo)?;
    let (mut unlinked, mut is_random) = (None, false);
    let answer = cargo.stdout.take().context("cargo has no answer")?;
    for line in BufReader::new(answer).lines() {
        // Cargo's answers may have lines that a build script printed.
        let Ok(Line { message }) = serde_json::from_str(&line?) else {
            continue;
        };
        match message {
            Some(said) if said.message.starts_with(LINKING) => unlinked = Some(missing(&said)),
            Some(said) => {
                let text = said.rendered.unwrap_or_default();
                is_random |= text.contains(RANDOM.0) && text.contains(RANDOM.1);
                io::stderr().write_all(text.as_bytes())?;
            }
            None => {}
        }
    }
    let is_built = cargo.wait()?.success();
    if let Some(missing) = unlinked {
        bail!("{}", asks_for(name, &missing));
    }
    if is_random && !is_built {
        let through = through(name, manifest, RANDOM.0);
        bail!(
            "{name} asks for random numbers through {through}, and {NOTHING_OUTSIDE}: leave them \
             out (to take a part of the rows, hash their key), turn that feature of the crate off, \
             or use another"
        );
    }
    ensure!(is_built, "{name} does not compile: see above");
    Ok(())
}

/// What the linker did not find.
fn missing(said: &Diagnostic) -> Vec<String> {
    let lines = said.children.iter().flat_map(|c| c.message.lines());
    let after = |line: &str, what| Some(line.split_once(what)?.1.trim().to_owned());
    let name = |line| MISSING.iter().find_map(|what| after(line, what));
    lines.filter_map(name).collect()
}

/// An error unless the module of the rule `name` is one that can run.
pub(super) fn check(name: &str, manifest: &Path, module: &[u8]) -> Result<()> {
    let outline = file::read(module).context("cannot read what the compiler made")?;
    ensure!(
        outline.has_rule(),
        "{name} has no `transform!`: say in src/lib.rs what is read and written, \
         `gristmill_guest::transform! {{ .. }}`, as in a crate that `gristmill transform new` \
         makes"
    );
    let (package, modules) = BROWSER;
    if outline
        .asks_for()
        .any(|(from, _)| from.starts_with(modules))
    {
        let through = through(name, manifest, package);
        bail!(
            "{name} calls the JavaScript of a browser through {through}, and {NOTHING_OUTSIDE}: \
             turn that feature of the crate off, or use another"
        );
    }
    let names: Vec<String> = outline
        .asks_for()
        .map(|(_, name)| name.to_owned())
        .collect();
    ensure!(names.is_empty(), "{}", asks_for(name, &names));
    Ok(())
}

fn asks_for(name: &str, names: &[String]) -> String {
    let named: Vec<String> = names
        .iter()
        .take(NAMED_MAX)
        .map(|n| format!("`{n}`"))
        .collect();
    let what = match named.as_slice() {
        [] => "something from outside".to_owned(),
        named => named.join(", "),
    };
    format!(
        "{name}, or a crate that it depends on, asks for {what}, and {NOTHING_OUTSIDE}: leave the \
         call out, or use another crate"
    )
}

/// The dependencies of the rule `name` that lead to `package`, as words of a sentence.
fn through(name: &str, manifest: &Path, package: &str) -> String {
    let mut tree = cargo();
    tree.args([
        "tree",
        "--target",
        TARGET,
        "--edges",
        "normal",
        "--prefix",
        "depth",
        "--no-dedupe",
    ]);
    tree.args(["--invert", package, "--manifest-path"])
        .arg(manifest);
    let said = tree
        .output()
        .map(|output| output.stdout)
        .unwrap_or_default();
    let (mut path, mut found) = (Vec::new(), Vec::new());
    // `2chrono v0.4.42`: depth and name. Below a crate, one deeper, stands what needs it, and
    // deepest the rule.
    for line in String::from_utf8_lossy(&said).lines() {
        let digits = line.bytes().take_while(u8::is_ascii_digit).count();
        let (depth, rest) = line.split_at(digits);
        let crate_name = rest.split(' ').next().unwrap_or_default();
        path.truncate(depth.parse().unwrap_or_default());
        if let Some(needed) = path.last().filter(|_| crate_name == name) {
            found.push(format!("`{needed}`"));
        }
        path.push(crate_name.to_owned());
    }
    found.sort();
    found.dedup();
    match found.is_empty() {
        true => "a crate that it depends on".to_owned(),
        false => format!("its dependency {}", found.join(" and ")),
    }
}
