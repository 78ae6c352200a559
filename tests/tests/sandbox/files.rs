//! Which files the host takes, and what it says about the others.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use gristmill::definition::builtin;
use gristmill_sandbox::{Limits, Sandbox};
use gristmill_tests::component::{importing, patched};
use gristmill_tests::program::gristmill;
use rstest::rstest;
use serde_json::json;

use crate::guest::{apply, load, module};
use crate::surgery::{importing_module, with_function_of};

fn refusal(bytes: &[u8]) -> String {
    load(bytes).err().expect("refused").to_string()
}

#[test]
fn a_core_module_and_its_component_are_the_same_transform() {
    let from_module = load(module()).unwrap();
    let from_component = load(from_module.bytes()).unwrap();
    assert_eq!(from_module.digest(), from_component.digest());
    assert_eq!(from_component.bytes(), from_module.bytes());
    assert_eq!(from_module.digest().len(), 64);
    assert_eq!(from_component.description().name, "hostile");
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_refused_as_such() {
    let component = load(module()).unwrap().bytes().to_vec();
    for bytes in [module(), &component] {
        for length in [0, 3, 4, 7, 9, 100, bytes.len() / 2, bytes.len() - 1] {
            let message = refusal(&bytes[..length]);
            let expected = format!(
                "the file is cut off after {length} bytes, perhaps it is still being written"
            );
            assert!(message.contains(&expected), "{length}: {message}");
        }
    }
}

#[test]
fn what_is_not_webassembly_is_refused() {
    for bytes in [&b"#!/bin/sh\necho"[..], b"(module)", &[0; 64]] {
        assert!(refusal(bytes).contains("not WebAssembly"));
    }
}

#[rstest]
#[case(
    "gristmill:transform/rule@0.1.0",
    "gristmill:transform/rule@0.2.0",
    "exports `gristmill:transform/rule@0.2.0` and this host runs `gristmill:transform/rule@0.1.0`"
)]
#[case(
    "gristmill:transform/rule@0.1.0",
    "gristmill:transform/mule@0.1.0",
    "does not export `gristmill:transform/rule@0.1.0`"
)]
#[case(
    "gristmill:transform/log@0.1.0",
    "gristmill:transform/log@0.9.0",
    "imports `gristmill:transform/log@0.9.0` and this host has"
)]
fn another_world_is_refused_by_name(#[case] from: &str, #[case] to: &str, #[case] why: &str) {
    let component = load(module()).unwrap();
    let message = refusal(&patched(component.bytes(), from, to));
    assert!(message.contains(why), "{message}");
}

#[test]
fn wasi_is_refused_by_name() {
    let module = importing_module("wasi_snapshot_preview1", "fd_write");
    let component = importing("wasi:cli/environment@0.2.3");
    for (bytes, name) in [
        (module, "wasi_snapshot_preview1"),
        (component, "wasi:cli/environment@0.2.3"),
    ] {
        let message = refusal(&bytes);
        assert!(
            message.contains(&format!("imports `{name}`, and a transform gets no WASI")),
            "{message}"
        );
        assert!(message.contains("--stub-wasi"), "{message}");
    }
}

#[test]
fn other_imports_are_refused_by_name() {
    for bytes in [
        importing_module("env", "gettimeofday"),
        importing("acme:http/client@1.0.0"),
        importing_module("\u{1b}[2J", "clear"),
        importing_module(&"x".repeat(90_000), "long"),
    ] {
        let message = refusal(&bytes);
        assert!(
            !message.contains('\u{1b}') && message.len() < 1_000,
            "{message}"
        );
        assert!(
            message.contains("can call nothing but `gristmill:transform/log@0.1.0`"),
            "{message}"
        );
    }
}

#[test]
fn a_module_without_an_interface_is_told_how_to_get_one() {
    let message = refusal(b"\0asm\x01\0\0\0");
    assert!(
        message.contains(
            "does not say which interface it has: a rule in Rust is built by `gristmill transform \
             build`"
        ),
        "{message}"
    );
}

#[test]
fn compiled_components_are_kept_and_used_again() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("cache");
    let run = || {
        let sandbox = Sandbox::new(Some(&folder)).unwrap();
        let component = sandbox.load("rule", module(), &Limits::default()).unwrap();
        let mut transform = component.open(&json!({})).unwrap();
        assert_eq!(apply(&mut transform, &[Some("a")]).unwrap().rows, 1);
        wait_until_both_engines_have_it(&folder);
    };
    let files = || {
        let entries = fs::read_dir(&folder).unwrap().map(|e| e.unwrap());
        let mut files: Vec<_> = entries
            .map(|e| (e.path(), e.metadata().unwrap().ino()))
            .collect();
        files.sort();
        files
    };
    run();
    let first = files();
    run();
    assert_eq!(files(), first);
    // Half a file, as a full disk may leave it, is compiled again. Not in place: the thread beside
    // may have mapped the whole one.
    for (path, _) in &first {
        fs::remove_file(path).unwrap();
        fs::write(path, b"half").unwrap();
    }
    // It waits until both are whole.
    run();
}

#[test]
fn the_metered_code_does_not_wait_for_a_batch_that_needs_it() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::new(Some(folder.path())).unwrap();
    let _loaded = sandbox.load("rule", module(), &Limits::default()).unwrap();
    wait_until_both_engines_have_it(folder.path());
}

#[rstest]
#[case::cpu(
    1_000,
    300,
    "compiling the component takes more than the 10 s of CPU that a file of"
)]
#[case::memory(50_000, 1_000, "compiling the component takes more than the 5")]
fn a_component_that_is_too_much_for_a_compiler_is_refused(
    #[case] locals: usize,
    #[case] loops: usize,
    #[case] said: &str,
) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bomb.wasm");
    fs::write(&file, with_function_of(locals, loops)).unwrap();
    let inspected = Command::new(gristmill().unwrap())
        .args(["transform", "inspect"])
        .arg(&file)
        .env("XDG_CACHE_HOME", folder.path())
        .output()
        .unwrap();
    let error = String::from_utf8(inspected.stderr).unwrap();
    assert!(
        !inspected.status.success()
            && error.contains(said)
            && error.contains("split its largest functions"),
        "{error}"
    );
    // Nothing half-done stays.
    let left = fs::read_dir(folder.path().join("gristmill")).unwrap();
    assert_eq!(left.count(), 0);
}

/// The metered code comes from a thread beside.
fn wait_until_both_engines_have_it(folder: &Path) {
    let is_whole = |entry: &std::io::Result<fs::DirEntry>| {
        let entry = entry.as_ref().unwrap();
        let is_code = entry.path().extension().is_some_and(|e| e == "cwasm");
        is_code && entry.metadata().is_ok_and(|found| found.len() > 1_000)
    };
    let started = Instant::now();
    while fs::read_dir(folder).unwrap().filter(is_whole).count() < 2 {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "nobody compiles it"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn the_shipped_transforms_are_taken() {
    for name in builtin::names() {
        let component = load(builtin::component(name).unwrap()).unwrap();
        assert_eq!(component.description().name, name);
    }
}
