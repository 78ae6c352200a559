//! A rule's folder that is no crate: `rule.toml` beside `cases/`.

use std::path::Path;

use anyhow::{Result, ensure};
use gristmill_tests::author::{new_rule, run};
use gristmill_tests::guests;
use gristmill_tests::job::Job;
use gristmill_tests::program::success;

/// The folder of a rule that a command builds from a module as a compiler leaves it.
fn built_by_a_command(dir: &Path) -> Result<()> {
    let module = guests::build("enrich-email")?;
    std::fs::create_dir_all(dir.join("cases"))?;
    let build = format!("echo built with ${{GRISTMILL##*/}} >&2; cp {module} company.wasm");
    std::fs::write(
        dir.join("rule.toml"),
        format!(
            "component = \"company.wasm\"\nbuild = \"{build}\"\n\n[config]\ncorporate_domains = \
             [\"contoso.com\"]\n"
        ),
    )?;
    // The first case has the rule's own config, the second one of its own.
    std::fs::write(
        dir.join("cases/own.json"),
        r#"{"input": [{"email": "a@contoso.com"}]}"#,
    )?;
    std::fs::write(
        dir.join("cases/other.json"),
        r#"{"config": {"corporate_domains": ["else.com"]}, "input": [{"email": "a@contoso.com"}]}"#,
    )?;
    let events = r#"[{"email": "a@contoso.com"}, {"email": "a@else.com"}]"#;
    Ok(std::fs::write(dir.join("events.json"), events)?)
}

#[test]
fn a_command_builds_it_and_every_verb_takes_it() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let dir = folder.path();
    built_by_a_command(dir)?;
    let verb = |arguments: &str| {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        success(run(dir, &arguments)?)
    };
    let tested = verb("transform test --update")?;
    ensure!(tested.contains("written  cases/own.json"), "{tested}");
    let is_corporate = |case: &str| {
        let text = std::fs::read_to_string(dir.join("cases").join(case))?;
        anyhow::Ok(text.contains("\"is_corporate\": true"))
    };
    assert!(is_corporate("own.json")? && !is_corporate("other.json")?);
    let bytes = std::fs::read(dir.join("company.wasm"))?;
    assert_eq!(bytes[4..8], [0x0d, 0, 1, 0], "a component, no core module");

    let built = verb("transform build")?;
    assert!(built.starts_with("company.wasm  "), "{built}");
    let tried = verb("try . --on events.json")?;
    assert!(
        tried.contains("is_corporate                   true"),
        "{tried}"
    );
    let inspected = verb("transform inspect")?;
    assert!(inspected.contains("is_corporate"), "{inspected}");
    let measured = verb("transform bench --on events.json")?;
    assert!(measured.contains("company"), "{measured}");
    // The component alone: cases and config are named.
    std::fs::write(
        dir.join("own.toml"),
        "corporate_domains = [\"contoso.com\"]\n",
    )?;
    let alone = verb("transform test company.wasm --cases cases --config own.toml")?;
    assert!(alone.contains("ok       cases/own.json"), "{alone}");
    let within = verb("transform test . --config own.toml")?;
    assert!(within.contains("ok       cases/other.json"), "{within}");
    Ok(())
}

#[test]
fn a_shipped_rule_with_a_config_is_a_rule() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let dir = folder.path().join("company");
    std::fs::create_dir_all(dir.join("cases"))?;
    std::fs::write(
        dir.join("rule.toml"),
        "component = \"builtin:enrich-email\"\nconfig = { corporate_domains = [\"contoso.com\"] \
         }\n",
    )?;
    std::fs::write(
        dir.join("cases/first.json"),
        r#"{"input": [{"email": "a@contoso.com"}],
            "expect": {"rows": [{"email_domain": "contoso.com", "is_corporate": true}]}}"#,
    )?;
    let tested = success(run(&dir, &["transform", "test"])?)?;
    assert!(tested.contains("ok       cases/first.json"), "{tested}");
    // Its name is the folder's.
    std::fs::write(dir.join("events.json"), "[{\"emial\": \"a@contoso.com\"}]")?;
    let tried = success(run(&dir, &["try", ".", "--on", "events.json"])?)?;
    assert!(
        tried.contains(
            "the rule reads `email`, which none of these events has (did you mean `emial`?)"
        ),
        "{tried}"
    );
    Ok(())
}

#[test]
fn a_folder_is_swapped_in_with_the_config_of_its_rule_toml() -> Result<()> {
    let job = Job::new("folder_swap")?;
    let _running = job.run()?;
    job.users_on_both_done(1..3, "example.org")?;
    let folder = tempfile::tempdir()?;
    std::fs::write(
        folder.path().join("rule.toml"),
        "component = \"builtin:enrich-email\"\nconfig = { corporate_domains = [\"example.org\"] \
         }\n",
    )?;
    let rule = folder.path().display().to_string();
    job.transform("swap", &["enrich-email", &rule])?;
    // A host may hear of it with the first batch that follows; by the second it has.
    job.users_on_both_done(3..5, "example.org")?;
    job.users_on_both_done(5..7, "example.org")?;
    let answer = job.psql(
        "select string_agg(user_id::text, ',' order by user_id) from users_enriched where \
         is_corporate and user_id not in (3, 4)",
    )?;
    ensure!(answer == "5,6", "{answer}\n{}", job.explain());
    Ok(())
}

#[test]
fn each_template_passes_its_own_tests() -> Result<()> {
    for template in ["join", "normalizer"] {
        let name = format!("new-{template}");
        let (folder, rule) = new_rule(&name)?;
        std::fs::remove_dir_all(&rule)?;
        let new = ["transform", "new", &name, "--template", template];
        success(run(folder.path(), &new)?)?;
        let tested = success(run(&rule, &["transform", "test"])?)?;
        ensure!(tested.contains("ok       cases/first.json"), "{tested}");
        let summary = success(run(&rule, &["transform", "inspect"])?)?;
        ensure!(summary.contains("Replace it by your rule."), "{summary}");
    }
    Ok(())
}
