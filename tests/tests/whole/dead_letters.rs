//! Dead letters in the hands of an operator, on a real Kafka and a real Postgres.

use anyhow::{Context, Result, ensure};
use gristmill_tests::job::Job;
use gristmill_tests::rules::OPERATION_IN_KIND;
use gristmill_tests::topic::{self, Message};

/// An event whose operation is unknown where the pipeline file looks for it, and good in `kind`.
fn event(id: i64) -> Message {
    let text = format!(
        r#"{{"op":"x","kind":"c","after":{{"user_id":{id},"email":"a@contoso.com"}},"timestamp_ms":1726531200000}}"#
    );
    Message::new(0, text)
}

#[test]
fn a_replay_runs_what_is_active_whatever_the_file_says() -> Result<()> {
    let job = Job::new("letters_active")?;
    topic::write(
        &job.kafka.bootstrap(),
        &job.topic,
        &[event(1), event(2), event(3)],
    )?;
    let mut run = job.run()?;
    job.wait_until_caught_up()?;
    ensure!(
        job.psql("select count(*) from users_enriched")? == "0",
        "{}",
        job.explain()
    );
    let replay = || {
        let output = job
            .command(&["dead-letters", "replay", "users.toml"])?
            .output()?;
        anyhow::Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let said = replay()?;
    ensure!(
        said.contains("0 replayed, 3 still cannot be used"),
        "{said}"
    );

    let folder = tempfile::tempdir()?;
    let config = folder.path().join("config.toml");
    std::fs::write(&config, OPERATION_IN_KIND)?;
    let config = config.to_str().context("a path")?;
    let swap = ["normalize-cdc", "builtin:normalize-cdc", "--config", config];
    job.gristmill(
        &[
            &["transform", "swap"],
            &swap[..],
            &["--pipeline", "users.toml"],
        ]
        .concat(),
    )?;
    run.kill()?;
    // What the file says now is no business of a replay, either.
    job.edit_pipeline(|text| text.replace("contoso.com", "nobody.example"))?;
    // One by one at first: those that are settled do not use the limit up.
    for left in ["2", "1"] {
        job.gristmill(&["dead-letters", "replay", "users.toml", "--limit", "1"])?;
        let waits =
            job.psql("select count(*) from gristmill.dead_letter where state <> 'replayed'")?;
        ensure!(waits == left, "{waits} wait, not {left}");
    }
    let said = replay()?;
    ensure!(said.contains("1 replayed, 0 still"), "{said}");
    let rows =
        job.psql("select user_id, is_corporate, _gm_revision from users_enriched order by 1")?;
    ensure!(rows == "1|t|2\n2|t|2\n3|t|2", "{rows}");
    let arguments = [
        "dead-letters",
        "replay",
        "users.toml",
        "--state",
        "replayed",
    ];
    let said = job.command(&arguments)?.output()?;
    ensure!(String::from_utf8_lossy(&said.stderr).contains("are settled"));
    Ok(())
}

#[test]
fn a_list_is_short_and_says_how_many_more_there_are() -> Result<()> {
    let job = Job::new("letters_list")?;
    let events: Vec<Message> = (0..60).map(event).collect();
    topic::write(&job.kafka.bootstrap(), &job.topic, &events)?;
    let _run = job.run()?;
    job.wait_until_caught_up()?;
    let list = |arguments: &[&str]| {
        let said = job.gristmill(&[&["dead-letters", "list", "users.toml"], arguments].concat())?;
        let letters = said
            .lines()
            .filter(|line| line.contains("unknown-op"))
            .count();
        anyhow::Ok((letters, said))
    };
    let (letters, said) = list(&[])?;
    ensure!(
        letters == 50 && said.contains("10 more: --limit 60 shows all"),
        "{said}"
    );
    let (letters, said) = list(&["--limit", "60"])?;
    ensure!(letters == 60 && !said.contains(" more"), "{said}");
    let (letters, said) = list(&["--code", "late"])?;
    ensure!(letters == 0 && said.contains("no dead letters"), "{said}");
    let (letters, said) = list(&["--partition", "0", "--limit", "1"])?;
    ensure!(letters == 1 && said.contains("59 more"), "{said}");
    Ok(())
}
