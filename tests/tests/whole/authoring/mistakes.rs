//! What authors get wrong, told in a sentence.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use gristmill_tests::author::{command, edit, new_rule, run};
use gristmill_tests::program::{printed, success};

#[test]
fn what_is_no_rule_is_told_in_a_sentence() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let at = |path: &str| folder.path().join(path);
    std::fs::create_dir_all(at("plain/src"))?;
    std::fs::write(at("plain/src/lib.rs"), "")?;
    let package = "[package]\nname = \"plain\"\nedition = \"2024\"\n[workspace]\n";
    std::fs::write(at("plain/Cargo.toml"), package)?;
    std::fs::create_dir(at("none"))?;
    std::fs::create_dir(at("all"))?;
    std::fs::write(at("all/Cargo.toml"), "[workspace]\nresolver = \"3\"\n")?;
    std::fs::create_dir(at("broken"))?;
    std::fs::write(at("broken/Cargo.toml"), "[package\n")?;
    std::fs::write(at("words.wasm"), "words")?;
    std::fs::write(at("empty.json"), "[]")?;
    for (arguments, output) in [
        ("transform build gone", "there is no folder gone"),
        (
            "transform build none",
            "there is no rule.toml and no Cargo.toml in none",
        ),
        (
            "transform build plain",
            "crate-type = [\"cdylib\", \"rlib\"]",
        ),
        ("transform build all", "is a workspace"),
        ("transform build broken", "broken/Cargo.toml"),
        ("transform test plain", "crate-type"),
        (
            "transform new Enrich_Age",
            "lower-case letters, digits and single hyphens",
        ),
        ("transform inspect words.wasm", "not WebAssembly"),
        (
            "transform inspect gone.wasm",
            "there is no gone.wasm: name a rule's folder, a .wasm file or builtin:NAME",
        ),
        (
            "try builtin:enrich-email --on empty.json",
            "there is no event in empty.json",
        ),
        (
            "transform inspect builtin:gone",
            "there is no builtin component `gone`",
        ),
        (
            "try builtin:enrich-email --on gone.json",
            "cannot read gone.json",
        ),
        ("try builtin:normalize-cdc --on gone.json", "--config FILE"),
    ] {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        let (code, text) = printed(run(folder.path(), &arguments)?);
        assert_eq!(code, Some(1), "{arguments:?}: {text}");
        assert!(text.contains(output), "{arguments:?}: {text}");
    }
    Ok(())
}

#[test]
fn without_a_target_for_webassembly_one_sentence_says_what_to_install() -> Result<()> {
    let (_folder, rule) = new_rule("enrich-none")?;
    // A compiler that has nothing but itself.
    let rustc = rule.join("rustc");
    std::fs::write(&rustc, "#!/bin/sh\necho /nowhere/lib\n")?;
    success(Command::new("chmod").arg("+x").arg(&rustc).output()?)?;
    let mut build = command(&rule, &["transform", "build"])?;
    build.env("RUSTC", &rustc);
    let (code, output) = printed(build.output()?);
    assert_eq!(code, Some(1), "{output}");
    assert!(
        output.contains("rustup target add wasm32-unknown-unknown") && output.contains("rustc-web"),
        "{output}"
    );
    Ok(())
}

#[test]
fn without_cargo_one_sentence_says_what_to_install() -> Result<()> {
    let (_folder, rule) = new_rule("enrich-none")?;
    let mut build = command(&rule, &["transform", "build"])?;
    build.env_remove("CARGO").env("PATH", "");
    let (code, output) = printed(build.output()?);
    assert_eq!(code, Some(1), "{output}");
    assert_eq!(
        output,
        "error: there is no cargo here: install Rust from https://rustup.rs\n"
    );
    Ok(())
}

/// What no author has to know: how modules are linked, and what stands between a rule and the host.
const NEVER_SAID: [&str; 5] = [
    "rust-lld",
    "--export",
    "componentize",
    "component-type",
    ".wit",
];

#[test]
fn what_a_crate_lacks_or_asks_for_is_told_in_its_authors_words() -> Result<()> {
    let (_folder, rule) = new_rule("enrich-wrong")?;
    let source = rule.join("src/lib.rs");
    let good = std::fs::read_to_string(&source)?;
    // Called for each row, so that no compiler leaves it out.
    let calling = |declared: &str, call: &str| {
        let body = "-> Result<Output, Reject> {";
        let body = good.replacen(
            body,
            &format!("{body}\n        assert!(unsafe {{ {call} }} != 7);"),
            1,
        );
        format!("{body}\n{declared}\n")
    };
    let clock = calling(
        "unsafe extern \"C\" {\n    fn gettimeofday() -> i64;\n}",
        "gettimeofday()",
    );
    let library = calling(
        "#[link(name = \"zzz\")]\nunsafe extern \"C\" {\n    fn zzz() -> i64;\n}",
        "zzz()",
    );
    for (command, text, output) in [
        (
            "build",
            "pub fn nothing() {}\n",
            "enrich-wrong has no `transform!`",
        ),
        (
            "test",
            "pub fn nothing() {}\n",
            "as in a crate that `gristmill transform new` makes",
        ),
        (
            "build",
            &clock,
            "enrich-wrong, or a crate that it depends on, asks for `gettimeofday`",
        ),
        (
            "test",
            &library,
            "asks for `zzz`, and a rule has nothing but its config and its row",
        ),
        (
            "build",
            &format!("use chrono::Utc;\n{good}"),
            "error[E0432]: unresolved import `chrono`",
        ),
        (
            "build",
            &good.replace("Ok(Output", "Ok(Outputs"),
            "enrich-wrong does not compile: see above",
        ),
    ] {
        std::fs::write(&source, text)?;
        refused(&rule, command, output)?;
    }

    // A browser's clock, two crates away.
    std::fs::write(&source, calling("", "clocks::now()"))?;
    let now = "#[link(wasm_import_module = \"__wbindgen_placeholder__\")]\nunsafe extern \"C\" \
               {\n    safe fn __wbg_now() -> i64;\n}\npub fn now() -> i64 {\n    __wbg_now()\n}\n";
    add_crate(&rule, "wasm-bindgen", "", now)?;
    add_crate(
        &rule,
        "clocks",
        "wasm-bindgen = { path = \"../wasm-bindgen\" }\n",
        "pub use wasm_bindgen::now;\n",
    )?;
    let manifest = rule.join("Cargo.toml");
    edit(
        &manifest,
        "[dependencies]\n",
        "[dependencies]\nclocks = { path = \"clocks\" }\n",
    )?;
    refused(
        &rule,
        "build",
        "enrich-wrong calls the JavaScript of a browser through its dependency `clocks`",
    )
}

fn add_crate(rule: &Path, name: &str, dependencies: &str, source: &str) -> Result<()> {
    let folder = rule.join(name);
    std::fs::create_dir_all(folder.join("src"))?;
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.2.100\"\nedition = \"2024\"\n\n\
         [dependencies]\n{dependencies}"
    );
    std::fs::write(folder.join("Cargo.toml"), manifest)?;
    std::fs::write(folder.join("src/lib.rs"), source).context("written")
}

fn refused(rule: &Path, command: &str, why: &str) -> Result<()> {
    let (code, output) = printed(run(rule, &["transform", command])?);
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains(why), "no {why:?} in\n{output}");
    for word in NEVER_SAID {
        assert!(!output.contains(word), "{word:?} in\n{output}");
    }
    Ok(())
}
