//! Builds the shipped transforms and leaves their modules in `OUT_DIR`, where
//! `src/definition/builtin.rs` embeds them; beside them what
//! `src/authoring/language` makes new rules of.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "guest_build.rs"]
mod guest_build;
mod sdk_files;

use guest_build::Toolchain;

/// The shipped transforms, in an order in which a pipeline can run them: packages under
/// `guest-transforms/rules/`. The only list of them.
const SHIPPED: [&str; 9] = [
    "normalize-cdc",
    "normalize-debezium",
    "enrich-country",
    "enrich-locale",
    "enrich-email",
    "enrich-disposable-email",
    "enrich-weekday",
    "enrich-quality",
    "sql",
];

/// The rule that benchmarks compare with.
const EMPTY: &str = "empty";

/// Tells `--version` the commit, where git or `GRISTMILL_COMMIT` says it, and what is locked.
fn say_versions() {
    println!("cargo::rerun-if-env-changed=GRISTMILL_COMMIT");
    let asked = Command::new("git")
        .args(["rev-parse", "--short=12", "HEAD"])
        .output();
    let of_git = || {
        Some(
            String::from_utf8(asked.ok()?.stdout)
                .ok()?
                .trim()
                .to_owned(),
        )
    };
    let commit = env::var("GRISTMILL_COMMIT").ok().or_else(of_git);
    let commit = commit.filter(|c| !c.is_empty());
    let commit = commit.as_deref().unwrap_or("unknown");
    println!("cargo::rustc-env=GRISTMILL_COMMIT={commit}");
    let lock = fs::read_to_string("../Cargo.lock").unwrap_or_default();
    let locked = lock.split("name = \"wasmtime\"\nversion = \"").nth(1);
    let locked = locked.and_then(|rest| rest.split('"').next());
    let wasmtime = locked.unwrap_or("unknown");
    println!("cargo::rustc-env=WASMTIME_VERSION={wasmtime}");
}

fn main() {
    for input in [
        "guest-transforms",
        "wit",
        "Cargo.toml",
        "Cargo.lock",
        "runtime/guest_build.rs",
        "runtime/sdk_files.rs",
        "runtime/template",
    ] {
        println!("cargo::rerun-if-changed=../{input}");
    }
    say_versions();
    if let Err(error) = embed() {
        for line in error.lines() {
            println!("cargo::error={line}");
        }
    }
}

fn embed() -> Result<(), String> {
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").ok_or("run by cargo only")?);
    // Beside the outer build's own folders (OUT_DIR is build/PACKAGE-HASH/out), so that check,
    // clippy and build share the modules.
    let profile_dir = out_dir.ancestors().nth(3).ok_or("OUT_DIR is not cargo's")?;
    let packages = [&SHIPPED[..], &[EMPTY]].concat();
    let modules = Toolchain::find()?.build(
        Path::new("../Cargo.toml"),
        &packages,
        &profile_dir.join("guests"),
    )?;
    for (package, module) in packages.iter().zip(modules) {
        let embedded = out_dir.join(package).with_extension("wasm");
        fs::copy(&module, &embedded).map_err(|e| {
            format!(
                "cannot copy {} to {}: {e}",
                module.display(),
                embedded.display()
            )
        })?;
    }
    let entry = |name| {
        format!(
            "({name:?}, include_bytes!({:?})),\n",
            format!("{name}.wasm")
        )
    };
    let entries: String = SHIPPED.iter().map(entry).collect();
    fs::write(out_dir.join("builtins.rs"), format!("&[\n{entries}]\n"))
        .map_err(|e| format!("cannot list the shipped transforms: {e}"))?;
    sdk_files::write(Path::new(".."), &out_dir, &out_dir.join("languages.rs"))
}
