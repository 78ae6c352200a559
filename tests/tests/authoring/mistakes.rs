//! What authors get wrong, told in a sentence.

use std::process::Command;

use anyhow::Result;
use gristmill_tests::program::gristmill;

use crate::program::{both, new_rule, output_ok, run};

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
    for (arguments, said) in [
        ("transform build gone", "there is no folder gone"),
        ("transform build none", "there is no Cargo.toml in none"),
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
        let (code, text) = both(run(folder.path(), &arguments)?);
        assert_eq!(code, Some(1), "{arguments:?}: {text}");
        assert!(text.contains(said), "{arguments:?}: {text}");
    }
    Ok(())
}

#[test]
fn without_a_target_for_webassembly_one_sentence_says_what_to_install() -> Result<()> {
    let (_folder, rule) = new_rule("enrich-none")?;
    // A compiler that has nothing but itself.
    let rustc = rule.join("rustc");
    std::fs::write(&rustc, "#!/bin/sh\necho /nowhere/lib\n")?;
    output_ok(Command::new("chmod").arg("+x").arg(&rustc))?;
    let mut build = Command::new(gristmill()?);
    build
        .args(["transform", "build"])
        .current_dir(&rule)
        .env("RUSTC", &rustc);
    let (code, said) = both(build.output()?);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("rustup target add wasm32-unknown-unknown") && said.contains("rustc-web"),
        "{said}"
    );
    Ok(())
}
