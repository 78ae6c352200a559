//! A dead letter as a golden case.

use anyhow::{Context, Result, ensure};
use gristmill::authoring::golden;
use gristmill::definition::bundle::Bundle;
use gristmill::definition::file;
use gristmill::ops::capture;
use gristmill_postgres::letters::stored_letter::{LetterState, StoredLetter};
use gristmill_sandbox::Sandbox;
use gristmill_tests::job::Job;
use gristmill_tests::program::repository;
use gristmill_tests::rules::OPERATION_IN_KIND;
use gristmill_tests::topic::Message;
use serde_json::{Value, json};

#[tokio::test]
async fn a_dead_letter_becomes_a_case_of_the_transform_that_refused_it() -> Result<()> {
    let sandbox = Sandbox::new(None)?;
    let parts = Bundle::read(file::load(&repository().join("pipelines/users.toml"))?)?;
    let value =
        r#"{"op":"c","after":{"user_id":7,"email":"a@contoso.com"},"timestamp_ms":1726531200000}"#;
    let at = |stage: &str| letter(stage, value);

    let refused = at("transform:normalize-cdc")?;
    let text = capture::case(parts.clone(), &refused, &sandbox)
        .await?
        .text(true);
    let case: Value = serde_json::from_str(&text)?;
    let document: Value = serde_json::from_str(value)?;
    assert_eq!(case["input"], json!([{ "value": document }]));
    assert_eq!(case["config"]["key"], json!(["user_id"]));
    let about = case["about"].as_str().context("about")?;
    assert!(
        about.contains("users_cdc/0/5/0") && about.contains("too bad"),
        "{about}"
    );

    let text = capture::case(parts.clone(), &at("transform:enrich-email")?, &sandbox).await?;
    let text = text.text(true);
    let case: golden::Case = serde_json::from_str(&text)?;
    assert_eq!(case.input, [json!({ "email": "a@contoso.com" })]);
    assert!(
        case.expect.is_none() && text.contains("corporate_domains"),
        "{text}"
    );

    let gone = capture::case(parts.clone(), &at("transform:gone")?, &sandbox).await;
    assert!(gone.unwrap_err().to_string().contains("`gone`"));
    let malformed = letter("decode", "{")?;
    let no_json = capture::case(parts, &malformed, &sandbox).await;
    assert!(no_json.unwrap_err().to_string().contains("no JSON"));
    Ok(())
}

#[test]
fn the_case_has_the_config_that_refused_the_record() -> Result<()> {
    let job = Job::new("captured")?;
    let bad = |id: i64| {
        let text = format!(
            r#"{{"op":"?","kind":"?","after":{{"user_id":{id}}},"timestamp_ms":1726531200000}}"#
        );
        job.produce_done(&[Message::new(0, text)])
    };
    let mut run = job.run()?;
    bad(1)?;
    let normalizer = "builtin:normalize-cdc";
    job.swap_rule("normalize-cdc", normalizer, OPERATION_IN_KIND, &[])?;
    // With the first record after it was told, and with the second for sure.
    bad(2)?;
    bad(3)?;
    run.kill()?;
    // What the file says is a third thing.
    job.edit_pipeline(|text| text.replacen("key = [", "op = \"value.third\"\nkey = [", 1))?;
    for (offset, op) in [(0, Value::Null), (2, json!("value.kind"))] {
        let id = format!("{}/0/{offset}/0", job.topic);
        let text = job.gristmill(&["dead-letters", "capture", "users.toml", &id])?;
        let case: Value = serde_json::from_str(&text)?;
        ensure!(
            case["config"]["op"] == op,
            "{id}: {text}\n{}",
            job.explain()
        );
    }
    // Into a folder whose rule.toml says the config: the case is one of the rule as it is there.
    let rule = tempfile::tempdir()?;
    let toml = "component = \"builtin:normalize-cdc\"\nconfig = { key = [\"user_id\"] }\n";
    std::fs::write(rule.path().join("rule.toml"), toml)?;
    let (id, folder) = (
        format!("{}/0/2/0", job.topic),
        rule.path().display().to_string(),
    );
    let into = [
        "dead-letters",
        "capture",
        "users.toml",
        &id,
        "--into",
        &folder,
    ];
    let kept = job.gristmill(&into)?;
    let case: Value = serde_json::from_str(&std::fs::read_to_string(kept.trim_end())?)?;
    ensure!(kept.starts_with(&format!("{folder}/cases/")), "{kept}");
    ensure!(
        case.get("config").is_none() && case.get("input").is_some(),
        "{case}"
    );
    Ok(())
}

fn letter(stage: &str, value: &str) -> Result<StoredLetter> {
    Ok(StoredLetter {
        pipeline: "users".to_owned(),
        run: 1,
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
        bytes: 0,
        attempts: 0,
        state: LetterState::New,
        at_us: 0,
    })
}
