//! What a rule's author does, with the built program and a real compiler: from `transform new` to a component, and everything that can be wrong on the way.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use gristmill::authoring::{self, golden};
use gristmill::config;
use gristmill::postgres::dead_letter::{LetterState, StoredLetter};
use gristmill::sandbox::Sandbox;
use gristmill_tests::guide;
use gristmill_tests::kafka::Kafka;
use gristmill_tests::postgres::Postgres;
use gristmill_tests::process::{Process, tail, wait_until};
use gristmill_tests::program::{gristmill, repository};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The guide's rule has one name wherever it is written, and so one place in the folder that rules are compiled in.
static GUIDE: Mutex<()> = Mutex::new(());

/// For a first compilation on a busy machine.
const WITHIN: Duration = Duration::from_secs(300);

#[test]
fn the_guide_works_as_it_is_written() -> Result<()> {
    let _alone = GUIDE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir()?;
    let said = good(bash(folder.path(), &guide::script(&["author"])?)?.output()?)?;
    for line in [
        "written  cases/first.json",
        r#"{"age": 36, "is_adult": true}"#,
        r#"{"age": null, "is_adult": null}"#,
        r#"{"row": 3, "code": "unborn", "message": "`birth_year` is after 2026"}"#,
        "ok       cases/first.json",
        // try . --on events.json, then the whole pipeline.
        "dead letter (transform:enrich-age, unborn): `birth_year` is after 2026",
        "dead letter (transform:normalize-cdc, unknown-op)",
        "ns a row",
        "birth_year  int64",
    ] {
        assert!(said.contains(line), "no {line:?} in\n{said}");
    }
    Ok(())
}

#[test]
fn the_guide_leads_to_a_row_in_the_table() -> Result<()> {
    let _alone = GUIDE.lock().unwrap_or_else(PoisonError::into_inner);
    let (kafka, postgres) = (Kafka::shared()?, Postgres::shared()?);
    kafka.create_topic("people_cdc", 2, &[])?;
    postgres.create_database("people")?;
    let folder = tempfile::tempdir()?;
    // The pipeline runs until the script is ended, and no longer.
    let script = guide::script(&["author", "servers"])?;
    let script = format!("trap 'kill $(jobs -p)' TERM EXIT\n{script}wait\n");
    let log = folder.path().join("log");
    let written = std::fs::File::create(&log)?;
    let mut bash = bash(folder.path(), &script)?;
    bash.env("KAFKA_BOOTSTRAP", kafka.bootstrap())
        .env("DATABASE_URL", postgres.database_url("people"))
        .stdout(written.try_clone()?)
        .stderr(written);
    let mut script = Process::spawn(&mut bash, "TERM")?;
    wait_until("the row of the guide", WITHIN, || {
        if let Some(status) = script.exit_status()? {
            bail!("the script ended with {status}");
        }
        let row = postgres.psql("people", "select user_id, age, is_adult from people");
        Ok(row.is_ok_and(|row| row == "1|36|t"))
    })
    .with_context(|| tail(&log))?;
    Ok(())
}

#[test]
fn a_new_rule_passes_its_tests_and_a_difference_is_a_row_of_a_table() -> Result<()> {
    let (folder, rule) = new_rule("enrich-name")?;
    let said = good(run(&rule, &["transform", "test"])?)?;
    assert!(said.contains("ok       cases/first.json"), "{said}");
    assert!(rule.join("enrich-name.wasm").exists());

    let case = rule.join("cases/first.json");
    edit(&case, "\"Sus\"", "\"Suse\"")?;
    let (code, said) = both(run(&rule, &["transform", "test"])?);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("0    short_name  \"Suse\"    \"Sus\""),
        "{said}"
    );
    good(run(&rule, &["transform", "test", "--update"])?)?;
    let template = repository().join("runtime/template/cases/first.json");
    assert_eq!(
        std::fs::read_to_string(&case)?,
        std::fs::read_to_string(template)?,
        "an update leaves the rest as it was"
    );

    // A rule that is no function of its row, found by rows that nobody wrote.
    edit(
        &rule.join("src/lib.rs"),
        "let short = |name: &str| name.trim()",
        "use std::cell::Cell;\n        thread_local!(static ROWS: Cell<usize> = const { Cell::new(0) });\n        \
         let row = ROWS.replace(ROWS.get() + 1);\n        let short = |name: &str| if row > 50 { \"\" } else { name }.trim()",
    )?;
    let (code, said) = both(run(&rule, &["transform", "test"])?);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("is no pure function of its rows"), "{said}");

    edit(
        &rule.join("src/lib.rs"),
        "-> Result<Output, Reject>",
        "-> Output",
    )?;
    let (code, said) = both(run(&rule, &["transform", "build"])?);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("src/lib.rs:") && said.contains("enrich-name does not compile"),
        "{said}"
    );

    let (code, said) = both(run(folder.path(), &["transform", "new", "enrich-name"])?);
    assert!(code == Some(1) && said.contains("exists"), "{said}");
    Ok(())
}

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
        ("transform inspect gone.wasm", "cannot read gone.wasm"),
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

#[test]
fn inspect_tells_all_that_an_operator_asks() -> Result<()> {
    let said = good(run(
        repository(),
        &["transform", "inspect", "builtin:enrich-country"],
    )?)?;
    for part in [
        "enrich-country 0.1.0: The name of each country code",
        "sha256:",
        "KiB (",
        "gristmill:transform/rule@0.1.0",
        "gristmill:transform/log@0.1.0",
        "memory_max_bytes      67,108,864",
        "config schema",
        "joins countries on country_code",
        "country_name  text",
        "rejects",
    ] {
        assert!(said.contains(part), "no {part:?} in\n{said}");
    }
    let said = good(run(
        repository(),
        &["transform", "inspect", "builtin:normalize-cdc"],
    )?)?;
    assert!(said.contains("depend on the config"), "{said}");
    Ok(())
}

#[test]
fn try_shows_joins_deletes_and_what_is_no_event() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let events = concat!(
        r#"{"op":"d","before":{"country_code":"IN"},"timestamp_ms":1726531200000}"#,
        "\n",
        r#"{"country_code":"US"}"#,
        "\nno json\n",
        r#"{"country_code":7}"#,
        "\n"
    );
    std::fs::write(folder.path().join("events.json"), events)?;
    let on = ["--on", "events.json"];
    let said = good(run(
        folder.path(),
        &[&["try", "builtin:enrich-country"][..], &on].concat(),
    )?)?;
    for part in [
        "events.json:1\n  column        before  after\n  country_code  \"IN\"    \"IN\"\n  country_name          \"India\"\n",
        "country_name          \"United States\"",
        "events.json:3\n  dead letter (decode, malformed)",
        "events.json:4\n  dead letter (decode, wrong-type)",
    ] {
        assert!(said.contains(part), "no {part:?} in\n{said}");
    }
    let pipeline = repository()
        .join("pipelines/users.toml")
        .display()
        .to_string();
    let sample = repository()
        .join("data/sample_events.json")
        .display()
        .to_string();
    let tried = ["try", "builtin:enrich-weekday", "--pipeline", &pipeline];
    let said = good(run(
        folder.path(),
        &[&tried[..], &["--on", &sample, "--limit", "1"]].concat(),
    )?)?;
    for part in ["is_corporate", "weekday", "1 of 5 events"] {
        assert!(said.contains(part), "no {part:?} in\n{said}");
    }
    Ok(())
}

#[tokio::test]
async fn a_dead_letter_becomes_a_case_of_the_transform_that_refused_it() -> Result<()> {
    let sandbox = Sandbox::new(None)?;
    let config = config::load(&repository().join("pipelines/users.toml"))?;
    let value =
        r#"{"op":"c","after":{"user_id":7,"email":"a@contoso.com"},"timestamp_ms":1726531200000}"#;
    let at = |stage: &str| letter(stage, value);

    let refused = at("transform:normalize-cdc")?;
    let text = authoring::capture(config.clone(), &refused, &sandbox).await?;
    let case: Value = serde_json::from_str(&text)?;
    let document: Value = serde_json::from_str(value)?;
    assert_eq!(case["input"], json!([{ "value": document }]));
    assert_eq!(case["config"]["key"], json!(["user_id"]));
    let about = case["about"].as_str().context("about")?;
    assert!(
        about.contains("users_cdc/0/5/0") && about.contains("too bad"),
        "{about}"
    );

    let text = authoring::capture(config.clone(), &at("transform:enrich-email")?, &sandbox).await?;
    let case: golden::Case = serde_json::from_str(&text)?;
    assert_eq!(case.input, [json!({ "email": "a@contoso.com" })]);
    assert!(
        case.expect.is_none() && text.contains("corporate_domains"),
        "{text}"
    );

    let gone = authoring::capture(config.clone(), &at("transform:gone")?, &sandbox).await;
    assert!(gone.unwrap_err().to_string().contains("`gone`"));
    let malformed = letter("decode", "{")?;
    let no_json = authoring::capture(config, &malformed, &sandbox).await;
    assert!(no_json.unwrap_err().to_string().contains("no JSON"));
    Ok(())
}

fn letter(stage: &str, value: &str) -> Result<StoredLetter> {
    Ok(StoredLetter {
        id: "users_cdc/0/5/0".parse()?,
        stage: stage.to_owned(),
        code: "bad".to_owned(),
        message: "too bad".to_owned(),
        revision: 1,
        digest: None,
        key: None,
        headers: Vec::new(),
        value: Some(value.as_bytes().to_vec()),
        record_at_ms: Some(5),
        attempts: 0,
        state: LetterState::New,
        at_us: 0,
    })
}

/// A folder with a new rule in it.
fn new_rule(name: &str) -> Result<(TempDir, PathBuf)> {
    let folder = tempfile::tempdir()?;
    let said = good(run(folder.path(), &["transform", "new", name])?)?;
    ensure!(said.contains(&format!("cd {name}")), "{said}");
    let rule = folder.path().join(name);
    Ok((folder, rule))
}

fn run(folder: &Path, arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(gristmill()?);
    command.args(arguments).current_dir(folder);
    Ok(environment(&mut command).output()?)
}

/// Compiles into the folder of the shipped transforms, so that what rules share is compiled once, and from the crates that are here already.
fn environment(command: &mut Command) -> &mut Command {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("release/guests");
    command
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_NET_OFFLINE", "true")
}

/// A script with the built program on its path.
fn bash(folder: &Path, script: &str) -> Result<Command> {
    let program = gristmill()?.parent().context("a program has a folder")?;
    let path = format!("{}:{}", program.display(), std::env::var("PATH")?);
    let mut bash = Command::new("bash");
    bash.args(["-c", script])
        .current_dir(folder)
        .env("PATH", path);
    environment(&mut bash);
    Ok(bash)
}

/// What a command printed, which has to succeed.
fn good(output: Output) -> Result<String> {
    let (code, said) = both(output);
    ensure!(code == Some(0), "{code:?}\n{said}");
    Ok(said)
}

fn both(
    Output {
        status,
        stdout,
        stderr,
    }: Output,
) -> (Option<i32>, String) {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (status.code(), text(&stdout) + &text(&stderr))
}

fn output_ok(command: &mut Command) -> Result<()> {
    good(command.output()?).map(|_| ())
}

fn edit(path: &Path, from: &str, to: &str) -> Result<()> {
    let text = std::fs::read_to_string(path)?;
    ensure!(text.contains(from), "no {from:?} in {}", path.display());
    Ok(std::fs::write(path, text.replacen(from, to, 1))?)
}
