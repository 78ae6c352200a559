//! The guide, as it is written.

use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use gristmill_tests::guide;
use gristmill_tests::kafka::Kafka;
use gristmill_tests::postgres::Postgres;
use gristmill_tests::process::{Process, tail, wait_until};

use crate::program::{bash, good};

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
    wait_until("the row of the guide", WITHIN, || {
        if let Some(status) = script.exit_status()? {
            bail!("the script ended with {status}");
        }
        let row = postgres.psql("people", "select user_id, age, is_adult from people");
        Ok(row.is_ok_and(|row| row == "1|36|t"))
    })
    .with_context(|| tail(&log))?;

    let rule = folder.path().join("enrich-age");
    let said = good(in_people(&rule, &guide::script(&["swap"])?)?.output()?)?;
    for line in [
        // What the page says that a replay says.
        "people_cdc[0] from offset 0 to 1 (exclusive), 1 read: `enrich-age` by enrich-age.wasm, all else as in revision 1, which is active\n\n\
         1  rows compared\n1  of them differ\n\n\
         column  rows that differ\nage     1\n\n\
         row        column  table has  rule gives\nuser_id=1  age     36         37\n",
        "revision 2 is active",
        "swap enrich-age enrich-age.wasm",
        "revision 3 is active; 2 was before it",
    ] {
        assert!(said.contains(line), "no {line:?} in\n{said}");
    }
    let year = "select t -> 'config' ->> 'year' from gristmill.pipeline p join gristmill.revision r on r.pipeline = p.pipeline and r.revision = p.active_revision, \
        jsonb_array_elements(r.spec -> 'transforms') t where t ->> 'name' = 'enrich-age'";
    assert_eq!(postgres.psql("people", year)?, "2026");
    Ok(())
}
