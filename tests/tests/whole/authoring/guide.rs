//! The guide, as it is written, and README's lines about rules.

use std::ops::Range;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use gristmill_tests::author::bash;
use gristmill_tests::guide;
use gristmill_tests::kafka::Kafka;
use gristmill_tests::load::under_load;
use gristmill_tests::postgres::Postgres;
use gristmill_tests::process::{Process, tail, wait_until};
use gristmill_tests::program::success;
use gristmill_tests::topic::{self, Message};

/// The guide's rule has one name wherever it is written, and so one place in the folder that rules
/// are compiled in.
static GUIDE: Mutex<()> = Mutex::new(());

/// For a first compilation on a busy machine.
const WITHIN: Duration = Duration::from_secs(300);

#[test]
fn every_command_of_the_guide_is_run() -> Result<()> {
    let unrun = guide::unrun()?;
    assert!(
        unrun.is_empty(),
        "only told, in no block that is run: {unrun:#?}"
    );
    Ok(())
}

#[test]
fn readme_works_as_it_is_written() -> Result<()> {
    let _alone = GUIDE.lock().unwrap_or_else(PoisonError::into_inner);
    let script = guide::readme()?;
    assert_eq!(script.matches("gristmill ").count(), 5, "{script}");
    let folder = tempfile::tempdir()?;
    let output = success(bash(folder.path(), &script)?.output()?)?;
    for line in [
        "ok       cases/first.json",
        r#"short_name                 "Bartholo""#,
        "dead letter (transform:enrich-age, blank-name): `name` is blank",
        "writes\n  short_name  text",
    ] {
        assert!(output.contains(line), "no {line:?} in\n{output}");
    }
    // Of the rule and of one that does nothing.
    for figure in [
        "ns a row",
        "rows a second, one core",
        "memory of an instance",
    ] {
        let figures = output.lines().find_map(|line| line.strip_prefix(figure));
        let words = figures.context(figure)?.split_whitespace();
        let numbers = words.filter_map(|word| word.replace(',', "").parse::<f64>().ok());
        let numbers: Vec<f64> = numbers.collect();
        assert!(
            numbers.len() == 2 && numbers.iter().all(|number| *number > 0.0),
            "{figure}: {numbers:?} in\n{output}"
        );
    }
    Ok(())
}

#[test]
fn the_guide_works_as_it_is_written() -> Result<()> {
    let _alone = GUIDE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir()?;
    let output = success(bash(folder.path(), &guide::script(&["author"])?)?.output()?)?;
    for line in [
        "written  cases/first.json",
        r#"{"age": 36, "is_adult": true}"#,
        r#"{"age": null, "is_adult": null}"#,
        r#"{"row": 3, "code": "unborn", "message": "`birth_year` is after 2026"}"#,
        "ok       cases/first.json",
        // try . --on events.json, then the whole pipeline.
        "dead letter (transform:enrich-age, unborn): `birth_year` is after 2026",
        "dead letter (transform:normalize-cdc, unknown-op)",
        "rows a second, one core",
        "birth_year  int64",
    ] {
        assert!(output.contains(line), "no {line:?} in\n{output}");
    }
    Ok(())
}

#[test]
fn the_guide_leads_to_a_row_in_the_table_and_to_another_rule_and_back() -> Result<()> {
    let _alone = GUIDE.lock().unwrap_or_else(PoisonError::into_inner);
    let (kafka, postgres) = (Kafka::shared()?, Postgres::shared()?);
    kafka.create_topic("people_cdc", 1, &[])?;
    postgres.create_database("people")?;
    let folder = tempfile::tempdir()?;
    let in_people = |folder: &Path, script: &str| -> Result<Command> {
        let mut bash = bash(folder, script)?;
        bash.env("KAFKA_BOOTSTRAP", kafka.bootstrap())
            .env("DATABASE_URL", postgres.database_url("people"));
        Ok(bash)
    };
    // The pipeline runs until the script is ended, and no longer.
    let script = guide::script(&["author", "servers"])?;
    let script = format!("trap 'kill $(jobs -p)' TERM EXIT\n{script}wait\n");
    let log = folder.path().join("log");
    let written = std::fs::File::create(&log)?;
    let mut bash = in_people(folder.path(), &script)?;
    bash.stdout(written.try_clone()?).stderr(written);
    let mut script = Process::spawn(&mut bash, "TERM")?;
    wait_until("the row and the dead letter of the guide", WITHIN, || {
        if let Some(status) = script.exit_status()? {
            bail!("the script ended with {status}");
        }
        let row = "select user_id, age, is_adult, code from people, gristmill.dead_letter";
        Ok(postgres
            .psql("people", row)
            .is_ok_and(|row| row == "1|36|t|unborn"))
    })
    .with_context(|| tail(&log))?;
    let tried = std::fs::read_to_string(&log)?;
    assert!(
        tried.contains("people_cdc/0/1\n  dead letter (transform:enrich-age, unborn)"),
        "{tried}"
    );

    let rule = folder.path().join("enrich-age");
    let mut swaps = in_people(&rule, &guide::script(&["swap"])?)?;
    let mut ids = (1_000..).step_by(200);
    let write = || {
        let first = ids.next().context("an id")?;
        topic::write(
            &kafka.bootstrap(),
            "people_cdc",
            &people(first..first + 200),
        )
    };
    let output = success(under_load(write, || Ok(swaps.output()?))?)?;
    for line in [
        "revision 2 is active",
        "swap enrich-age enrich-age.wasm",
        "revision 3 is active; 2 was before it",
        "is staged and ready",
        "is given up; revision 3 stays active",
        "of 1 partitions run it",
        "transform:enrich-age  unborn",
        "written  cases/letter.json",
        "1 replayed, 0 still cannot be used",
    ] {
        assert!(output.contains(line), "no {line:?} in\n{output}");
    }
    for shown in guide::outputs()? {
        assert!(output.contains(&shown), "no {shown} in\n{output}");
    }
    let letter = std::fs::read_to_string(rule.join("cases/letter.json"))?;
    assert!(letter.contains(r#""config": {"year": 2026}"#), "{letter}");
    assert_eq!(
        postgres.psql("people", "select age from people where user_id = 2")?,
        "0"
    );
    let year = "select t -> 'config' ->> 'year'
        from gristmill.pipeline p
            join gristmill.revision r
                on r.pipeline = p.pipeline and r.revision = p.active_revision,
            jsonb_array_elements(r.spec -> 'transforms') t
        where t ->> 'name' = 'enrich-age'";
    assert_eq!(postgres.psql("people", year)?, "2027");
    Ok(())
}

/// So many people more than the guide's.
fn people(ids: Range<i32>) -> Vec<Message> {
    let person = |id: i32| {
        let row = format!(r#"{{"user_id":{id},"birth_year":1990}}"#);
        let event = format!(r#"{{"op":"c","after":{row},"timestamp_ms":1726531200000}}"#);
        Message::new(0, event)
    };
    ids.map(person).collect()
}
