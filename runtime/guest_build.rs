//! Compiles guest crates to core WebAssembly modules with whatever toolchain this machine has. Free
//! of dependencies, so that the build script can share it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The target of every guest: no operating system, so that nothing but the interface can be
/// imported.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// Debian's second Rust, which comes with the standard library's source.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

/// The standard library's source, where `rust-web-src` puts it.
const DEBIAN_STD: &str = "/usr/lib/rustlib/src/rust/library/std/Cargo.toml";

/// How the standard library of [`TARGET`] is come by.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Toolchain {
    /// It is installed beside the compiler.
    Installed,
    /// Debian's compiler builds it from source; the linker lies in this folder.
    DebianFromSource { linker: PathBuf },
}

impl Toolchain {
    /// The first that works here. The error is one sentence that says what to install.
    pub(crate) fn find() -> Result<Self, String> {
        if has_std(&rustc(["--print", "target-libdir", "--target", TARGET])) {
            return Ok(Self::Installed);
        }
        let linker = rustc(["--print", "target-libdir"])
            .parent()
            .map(|dir| dir.join("bin"));
        match linker {
            Some(linker)
                if linker.join("rust-lld").exists()
                    && Path::new(DEBIAN_RUSTC).exists()
                    && Path::new(DEBIAN_STD).exists() =>
            {
                Ok(Self::DebianFromSource { linker })
            }
            _ => Err(format!(
                "no Rust standard library for {TARGET}: run `rustup target add {TARGET}`, or, \
                 where rustup cannot download it, `apt-get install rustc-web rust-web-src`"
            )),
        }
    }

    /// A `cargo build` of libraries for [`TARGET`], found from the manifest at `manifest`; which
    /// ones is left to the caller. [`module`] tells where they end up.
    ///
    /// `target_dir` must not be that of a cargo which is running: cargo locks it.
    pub(crate) fn cargo_build(
        &self,
        manifest: &Path,
        target_dir: &Path,
    ) -> Result<Command, String> {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        forget_outer_build(&mut cargo);
        cargo.args(["build", "--release", "--lib", "--target", TARGET]);
        cargo
            .arg("--manifest-path")
            .arg(manifest)
            .arg("--target-dir")
            .arg(target_dir);
        // Measured on the shipped transforms, 1,000 rows a batch: optimized for size they are 12 %
        // smaller and take up to 18 % more time a row; in separate units they are 4 %
        // larger and take 5 % more.
        cargo.envs([
            ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "3"),
            ("CARGO_PROFILE_RELEASE_LTO", "fat"),
            ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
            ("CARGO_PROFILE_RELEASE_PANIC", "abort"),
            ("CARGO_PROFILE_RELEASE_STRIP", "symbols"),
        ]);
        if let Self::DebianFromSource { linker } = self {
            let path = env::var_os("PATH").unwrap_or_default();
            let paths = std::iter::once(linker.clone()).chain(env::split_paths(&path));
            let path = env::join_paths(paths).map_err(|e| format!("PATH: {e}"))?;
            cargo.args(["-Z", "build-std=std,panic_abort"]);
            cargo
                .env("PATH", path)
                .env("RUSTC", DEBIAN_RUSTC)
                .env("RUSTC_BOOTSTRAP", "1");
        }
        Ok(cargo)
    }

    /// Builds the libraries of `packages` of this repository's workspace and returns their modules
    /// in the same order.
    #[allow(dead_code, reason = "the program itself builds other people's crates")]
    pub(crate) fn build(
        &self,
        manifest: &Path,
        packages: &[&str],
        target_dir: &Path,
    ) -> Result<Vec<PathBuf>, String> {
        let mut cargo = self.cargo_build(manifest, target_dir)?;
        cargo.arg("--locked");
        for package in packages {
            cargo.args(["--package", package]);
        }
        let output = cargo
            .output()
            .map_err(|e| format!("cannot start cargo: {e}"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!(
                "cargo could not build {}:\n{said}",
                packages.join(", ")
            ));
        }
        Ok(packages.iter().map(|p| module(target_dir, p)).collect())
    }
}

/// The module of the library called `library` below a build's target folder.
pub(crate) fn module(target_dir: &Path, library: &str) -> PathBuf {
    target_dir
        .join(TARGET)
        .join("release")
        .join(library.replace('-', "_"))
        .with_extension("wasm")
}

/// Whether the standard library lies in a target's library folder.
fn has_std(target_libdir: &Path) -> bool {
    let is_std = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with("libstd-");
    std::fs::read_dir(target_libdir)
        .is_ok_and(|entries| entries.flatten().any(|entry| is_std(&entry.file_name())))
}

/// The path that `rustc` prints; empty when it prints none.
fn rustc<const N: usize>(args: [&str; N]) -> PathBuf {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).args(args).output();
    let printed = output.map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned());
    PathBuf::from(printed.unwrap_or_default())
}

/// Cargo tells a build script about the outer build in variables that an inner cargo would take for
/// orders: flags, wrappers such as clippy, profiles. What concerns the network, the user's folders
/// and the shared job slots stays.
fn forget_outer_build(cargo: &mut Command) {
    const KEPT: [&str; 6] = [
        "CARGO_HOME",
        "CARGO_MAKEFLAGS",
        "CARGO_NET_",
        "CARGO_HTTP_",
        "CARGO_REGISTR",
        "CARGO_SOURCE_",
    ];
    const ORDERS: [&str; 6] = [
        "RUSTFLAGS",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTDOCFLAGS",
        "TARGET",
        "HOST",
    ];
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let is_cargo =
            text.starts_with("CARGO_") && !KEPT.iter().any(|kept| text.starts_with(kept));
        if is_cargo || ORDERS.contains(&&*text) {
            cargo.env_remove(&name);
        }
    }
}
