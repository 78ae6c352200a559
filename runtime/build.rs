//! Builds the shipped transforms and leaves their modules in `OUT_DIR`, where
//! `src/definition/builtin.rs` embeds them; beside them the SDK for `src/authoring/new.rs`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

#[path = "guest_build.rs"]
mod guest_build;
mod sdk_files;

use guest_build::Toolchain;

/// The shipped transforms, in an order in which a pipeline can run them: packages under
/// `guest-transforms/rules/`. The only list of them.
const SHIPPED: [&str; 7] = [
    "normalize-cdc",
    "enrich-country",
    "enrich-locale",
    "enrich-email",
    "enrich-disposable-email",
    "enrich-weekday",
    "enrich-quality",
];

/// The rule that benchmarks compare with.
const EMPTY: &str = "empty";

fn main() {
    for input in [
        "guest-transforms",
        "wit",
        "Cargo.toml",
        "Cargo.lock",
        "runtime/guest_build.rs",
        "runtime/sdk_files.rs",
    ] {
        println!("cargo::rerun-if-changed=../{input}");
    }
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
    let list = out_dir.join("sdk_files.rs");
    sdk_files::write(Path::new(".."), &out_dir.join("sdk"), &list)
}
