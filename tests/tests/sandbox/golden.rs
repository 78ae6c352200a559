//! Each file of `data/golden/TRANSFORM/` through the component that ships, in every way that
//! `gristmill transform test` calls it. Joins are looked up in `data/DIMENSION.csv`.
//!
//! A new case is a new file.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use gristmill::authoring::golden::{self, Case, Expected};
use gristmill::authoring::input;
use gristmill::definition::builtin;
use gristmill_sandbox::{Component, Limits, Sandbox};
use gristmill_tests::program::repository;
use serde_json::{Value, json};

/// Cases that a transform has at least: fewer means that files are not found.
const CASES_MIN: usize = 8;

#[test]
fn every_case_holds() -> Result<()> {
    let mut wrong = String::new();
    for name in builtin::names() {
        let (component, cases) = (shipped(name)?, cases(name)?);
        assert!(
            cases.len() >= CASES_MIN,
            "{name}: only {} cases",
            cases.len()
        );
        for (path, case) in cases {
            let failed = check(&component, &case).with_context(|| path.display().to_string())?;
            if !failed.is_empty() {
                writeln!(wrong, "{}: {}\n{failed}", path.display(), case.about)?;
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    Ok(())
}

#[test]
fn a_wrong_case_is_found() -> Result<()> {
    let broken: [fn(&mut Expected); 5] = [
        |expect| expect.rows[0] = json!({}),
        |expect| expect.rows[0]["name"] = json!("other"),
        |expect| expect.rejections[0].code = "other".to_owned(),
        |expect| expect.rejections[0].message.push('!'),
        |expect| expect.source_rows = Some(vec![2]),
    ];
    let sound = cases("normalize-cdc")?.remove(&data("golden/normalize-cdc/unknown-op.json"));
    let sound = sound.context("unknown-op.json is gone")?;
    let component = shipped("normalize-cdc")?;
    assert_eq!(check(&component, &sound)?, "");
    for (i, break_it) in broken.iter().enumerate() {
        let mut case = sound.clone();
        break_it(case.expect.as_mut().context("nothing is expected")?);
        assert_ne!(check(&component, &case)?, "", "change {i} was not found");
    }
    Ok(())
}

#[test]
fn the_list_for_people_is_the_default() -> Result<()> {
    let listed = fs::read_to_string(data("corporate_domains.txt"))?;
    let component = shipped("enrich-email")?;
    let schema: Value = serde_json::from_str(&component.description().config_schema)?;
    let default = &schema["properties"]["corporate_domains"]["default"];
    assert_eq!(*default, json!(listed.lines().collect::<Vec<_>>()));
    let domains: Vec<Value> = listed
        .lines()
        .map(|d| json!({ "email": format!("a@{d}") }))
        .collect();
    let corporate = |d: &str| json!({ "email_domain": d, "is_corporate": true });
    let expect = Expected {
        rows: listed.lines().map(corporate).collect(),
        source_rows: None,
        rejections: Vec::new(),
    };
    let case = Case {
        about: String::new(),
        config: json!({}),
        input: domains,
        expect: Some(expect),
    };
    assert_eq!(check(&component, &case)?, "");
    Ok(())
}

#[test]
fn the_sample_events_are_a_case() -> Result<()> {
    let shipped = builtin::data("sample_events").context("no sample events")?;
    let events: Vec<Value> = serde_json::from_slice(shipped)?;
    let case = cases("normalize-cdc")?.remove(&data("golden/normalize-cdc/sample-events.json"));
    let input = case.context("sample-events.json is gone")?.input;
    let wrapped = |value: Value| json!({ "value": value });
    assert_eq!(input, events.into_iter().map(wrapped).collect::<Vec<_>>());
    Ok(())
}

/// What is wrong with a case, a line each; empty when nothing is.
fn check(component: &Component, case: &Case) -> Result<String> {
    let answered = golden::run(component, case, &input::csv_files(&data("")))?;
    let expected = case.expect.as_ref().context("nothing is expected")?;
    let differences = golden::mismatches(expected, &answered, case.input.len());
    Ok(differences.iter().map(|d| format!("  {d:?}\n")).collect())
}

/// The component that ships under this name.
fn shipped(name: &str) -> Result<Component> {
    let bytes = builtin::component(name).context("no such transform")?;
    Ok(Sandbox::new(None)?.load(name, bytes, &Limits::default())?)
}

/// A file or folder of `data/`.
fn data(path: &str) -> PathBuf {
    repository().join("data").join(path)
}

fn cases(name: &str) -> Result<BTreeMap<PathBuf, Case>> {
    golden::cases(&data("golden").join(name), &json!({}))
}
