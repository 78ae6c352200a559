//! Rules in other languages than Rust, built by their own compilers: what each answers is what all
//! answer, and a mistake is told with what to do and the author's line.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use gristmill_tests::author::{self, OTHER_LANGUAGES, new_rule_in, run};
use gristmill_tests::job::Job;
use gristmill_tests::program::{printed, repository, success};
use gristmill_tests::rules::{SHIPPED, SHIPPED_IN_SQL};
use gristmill_tests::seed::seed;
use insta::assert_snapshot;
use rstest::rstest;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Rules that each language has in `tests/languages/LANGUAGE/RULE/`, with cases in `data/golden/`.
const RULES: [&str; 3] = ["enrich-email", "enrich-country", "every-type"];

const TEMPLATES: [&str; 3] = ["enricher", "join", "normalizer"];

#[rstest]
#[case("python")]
#[case("js")]
#[case("c")]
fn every_language_gives_the_golden_answers(#[case] language: &str) -> Result<()> {
    let _alone = author::tools(language)?;
    for name in RULES {
        let (_folder, rule) = golden_rule(name, language)?;
        let tested = success(run(&rule, &["transform", "test"])?)
            .with_context(|| format!("{name} in {language}"))?;
        let cases = fs::read_dir(repository().join("data/golden").join(name))?;
        assert_eq!(
            tested.matches("ok       cases/").count(),
            cases.count(),
            "{tested}"
        );
    }
    Ok(())
}

#[rstest]
#[case("js", "9007199254740993", "`whole` is beyond 2^53 - 1")]
#[case("c", "1e16", "ok       cases/large.json")]
fn a_large_number_of_the_config_is_exact_or_refused(
    #[case] language: &str,
    #[case] whole: &str,
    #[case] told: &str,
) -> Result<()> {
    let _alone = author::tools(language)?;
    let (_folder, rule) = golden_rule("every-type", language)?;
    let case = format!(
        r#"{{"about": "A large number.", "config": {{"whole": {whole}}}, "input": [{{"n": null}}],
            "expect": {{"rows": [{{"same_n": 10000000000000000}}]}}}}"#
    );
    fs::write(rule.join("cases/large.json"), case)?;
    let (_, tested) = printed(run(&rule, &["transform", "test"])?);
    assert!(tested.contains(told), "{tested}");
    Ok(())
}

#[rstest]
#[case("python")]
#[case("js")]
#[case("c")]
fn a_new_rule_passes_its_case_and_is_not_built_twice(#[case] language: &str) -> Result<()> {
    let _alone = author::tools(language)?;
    for template in TEMPLATES {
        let (_folder, rule) = new_rule_in("own-template", language, template)?;
        let tested = success(run(&rule, &["transform", "test"])?)
            .with_context(|| format!("{template} in {language}"))?;
        assert!(tested.contains("ok       cases/first.json"), "{tested}");
        let component = rule.join("own-template.wasm");
        let made = fs::metadata(&component)?.modified()?;
        success(run(&rule, &["transform", "test"])?)?;
        assert_eq!(fs::metadata(&component)?.modified()?, made, "{template}");
    }
    Ok(())
}

#[rstest]
#[case("python")]
#[case("js")]
#[case("c")]
fn a_source_that_is_saved_while_it_is_compiled_is_newer(#[case] language: &str) -> Result<()> {
    let _alone = author::tools(language)?;
    let (_folder, rule) = new_rule_in("own-hurry", language, "enricher")?;
    let source = File::options()
        .write(true)
        .open(rule.join(source_of(language)?))?;
    let (component, draft) = (rule.join("own-hurry.wasm"), rule.join("own-hurry.wasm.new"));
    let mut build = author::command(&rule, &["transform", "build"])?
        .stdout(Stdio::null())
        .spawn()?;
    // The draft is the last that a compiler writes.
    while !draft.exists() && !component.exists() && build.try_wait()?.is_none() {
        source.set_modified(SystemTime::now())?;
        sleep(Duration::from_millis(2));
    }
    ensure!(build.wait()?.success(), "{language}");
    let made = fs::metadata(&component)?.modified()?;
    assert!(made < source.metadata()?.modified()?, "{language}");
    Ok(())
}

#[test]
fn a_compiler_of_another_version_is_replaced() -> Result<()> {
    let (folder, rule) = new_rule_in("own-version", "js", "enricher")?;
    let compiler = folder.path().join("js/node_modules/componentize-qjs");
    fs::create_dir_all(&compiler)?;
    fs::write(compiler.join("package.json"), r#"{"version": "0.0.1"}"#)?;
    let mut build = author::command(&rule, &["transform", "build"])?;
    // There is no package to be had: that it is asked for is enough.
    let output = build
        .env("GRISTMILL_TOOLS", folder.path())
        .env("npm_config_offline", "true")
        .env("npm_config_cache", folder.path().join("empty"))
        .output()?;
    let (code, said) = printed(output);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("installing componentize-qjs"), "{said}");
    Ok(())
}

#[test]
fn a_rule_goes_through_all_languages_while_events_come() -> Result<()> {
    let job = Job::new("languages")?;
    job.generate(5_000, 500, seed("languages"))?;
    let _run = job.run()?;
    let mut folders = Vec::new();
    for (language, _) in OTHER_LANGUAGES {
        let _alone = author::tools(language)?;
        let (folder, rule) = golden_rule("enrich-email", language)?;
        success(run(&rule, &["transform", "build"])?)?;
        folders.push((folder, rule));
    }
    // It begins with the shipped rule, in Rust, and ends with an author's of its source.
    let (folder, rule) = new_rule_in("enrich-email", "rust", "enricher")?;
    let shipped = "guest-transforms/rules/enrich-email/src/lib.rs";
    fs::copy(repository().join(shipped), rule.join("src/lib.rs"))?;
    success(run(&rule, &["transform", "build"])?)?;
    folders.push((folder, rule));
    let folders: Vec<String> = folders
        .iter()
        .map(|(_, rule)| rule.display().to_string())
        .collect();
    let rules = folders.iter().map(|rule| (rule.as_str(), SHIPPED));
    let rules = [("builtin:sql", SHIPPED_IN_SQL)].into_iter().chain(rules);
    job.under_load(400, 1, || {
        for (component, config) in rules {
            let swapped = job.swap_rule("enrich-email", component, config, &[])?;
            ensure!(swapped.contains("is active"), "{component}: {swapped}");
        }
        Ok(())
    })?;
    job.wait_until_caught_up()?;
    job.check()
}

#[rstest]
#[case("python")]
#[case("js")]
#[case("c")]
fn a_mistake_is_told_with_what_to_do(#[case] language: &str) -> Result<()> {
    let _alone = author::tools(language)?;
    let (_folder, rule) = new_rule_in("mistaken", language, "enricher")?;
    let own = repository()
        .join("tests/languages")
        .join(language)
        .join("mistaken");
    let source = source_of(language)?;
    fs::copy(own.join(source), rule.join(source))?;
    // Each event names what the rule does wrong.
    let mistakes = fs::read_to_string(own.join("mistakes.txt"))?;
    let events: Vec<Value> = mistakes
        .lines()
        .map(|what| json!({ "what": what }))
        .collect();
    fs::write(rule.join("events.json"), json!(events).to_string())?;
    let (code, tried) = printed(run(
        &rule,
        &["try", ".", "--on", "events.json", "--limit", "99"],
    )?);
    assert_eq!(code, Some(1), "{tried}");
    let letters = tried
        .lines()
        .filter_map(|line| line.trim().strip_prefix("dead letter "));
    let told: Vec<String> = mistakes
        .lines()
        .zip(letters)
        .map(|(what, letter)| format!("{what}: {letter}"))
        .collect();
    assert_eq!(told.len(), events.len(), "{tried}");
    let logged = tried.lines().map(str::trim);
    let logged = logged.filter(|line| line.starts_with("log ("));
    let told = told.into_iter().chain(logged.map(shortened));
    let told: Vec<String> = told.collect();
    assert_snapshot!(format!("running_{language}"), told.join("\n"));

    let mut built = Vec::new();
    for flawed in flawed(&own)? {
        fs::copy(own.join(&flawed), rule.join(source))?;
        let (code, said) = printed(run(&rule, &["transform", "build"])?);
        assert_eq!(code, Some(1), "{flawed}: {said}");
        built.push(format!("{flawed}:\n{}", said.trim_end()));
    }
    assert_snapshot!(format!("building_{language}"), built.join("\n\n"));
    Ok(())
}

/// The folder of a rule of `RULES` with its golden cases.
fn golden_rule(name: &str, language: &str) -> Result<(TempDir, PathBuf)> {
    let (folder, rule) = new_rule_in(name, language, "enricher")?;
    let source = source_of(language)?;
    let own = repository()
        .join("tests/languages")
        .join(language)
        .join(name);
    fs::copy(own.join(source), rule.join(source))?;
    fs::remove_dir_all(rule.join("cases"))?;
    fs::create_dir_all(rule.join("cases/dimensions"))?;
    for case in fs::read_dir(repository().join("data/golden").join(name))? {
        let case = case?;
        fs::copy(case.path(), rule.join("cases").join(case.file_name()))?;
    }
    let countries = repository().join("data/countries.csv");
    fs::copy(countries, rule.join("cases/dimensions/countries.csv"))?;
    Ok((folder, rule))
}

/// The sources beside the one that builds, which do not.
fn flawed(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().into_string().unwrap_or_default();
        if name.starts_with("no-") {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// A line of the log with its ends: `try` shows what the host keeps, up to 2,048 bytes.
fn shortened(line: &str) -> String {
    let letters: Vec<char> = line.chars().collect();
    if letters.len() <= 100 {
        return line.to_owned();
    }
    let (begin, end) = (&letters[..40], &letters[letters.len() - 10..]);
    let count = letters.len();
    format!(
        "{}..{} ({count} letters)",
        String::from_iter(begin),
        String::from_iter(end)
    )
}

fn source_of(language: &str) -> Result<&'static str> {
    let known = OTHER_LANGUAGES.iter().find(|(name, _)| *name == language);
    Ok(known.with_context(|| format!("no {language}"))?.1)
}
