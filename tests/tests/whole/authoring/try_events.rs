//! Events before and after a rule.

use anyhow::Result;
use gristmill_tests::author::run;
use gristmill_tests::program::{printed, repository, success};

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
    let tried = run(
        folder.path(),
        &[&["try", "builtin:enrich-country"][..], &on].concat(),
    )?;
    let (code, output) = printed(tried);
    assert_eq!(code, Some(1), "{output}");
    for part in [
        "events.json:1\n  column        before  after\n\
         \x20 country_code  \"IN\"    \"IN\"\n\
         \x20 country_name          \"India\"\n",
        "country_name          \"United States\"",
        "events.json:3\n  dead letter (decode, malformed)",
        "events.json:4\n  dead letter (decode, wrong-type)",
    ] {
        assert!(output.contains(part), "no {part:?} in\n{output}");
    }
    let pipeline = repository()
        .join("pipelines/users.toml")
        .display()
        .to_string();
    let sample = repository()
        .join("data/sample_events.json")
        .display()
        .to_string();
    let tried = ["try", &pipeline, "builtin:enrich-weekday"];
    let output = success(run(
        folder.path(),
        &[&tried[..], &["--on", &sample, "--limit", "1"]].concat(),
    )?)?;
    for part in ["is_corporate", "weekday", "1 of 5 events"] {
        assert!(output.contains(part), "no {part:?} in\n{output}");
    }
    Ok(())
}
