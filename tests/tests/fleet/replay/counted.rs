//! What is counted as a difference, and what is none.

use anyhow::{Context, Result, ensure};
use gristmill_tests::job::Job;
use gristmill_tests::rules::{OPERATION_IN_KIND, config_file};
use gristmill_tests::topic::Message;
use serde_json::json;

use super::{PRESENT, replay};

#[test]
fn rows_that_go_and_dead_letters_that_come_are_counted() -> Result<()> {
    let job = Job::new("replayed_letters")?;
    let event = |op: &str, id: i64, ms: i64| {
        let kind = if id == 3 { "?" } else { "c" };
        let event = json!({
            "op": op, "kind": kind, "timestamp_ms": 1_726_531_200_000_i64 + ms,
            "after": { "user_id": id, "email": "a@gmail.com" },
        });
        Message::new(0, event.to_string())
    };
    job.produce(&[
        event("c", 1, 0),
        event("x", 2, 1),
        event("c", 3, 2),
        event("u", 1, 3),
    ])?;
    let mut run = job.run()?;
    job.wait_until_caught_up()?;
    run.kill()?;
    // The operation is read elsewhere: the bad event is good, and the third is bad.
    let config = config_file(OPERATION_IN_KIND)?;
    let config = config.path().to_str().context("a path")?;
    let component = ["--component", "builtin:normalize-cdc", "--config", config];
    let range = ["--from", "0", "--to", "4"];
    let rule = [&["normalize-cdc"], &component[..], &range].concat();
    let report = job.transform("replay", &rule)?;
    for line in [
        "users_cdc_replayed_letters[0] from offset 0 to 4 (exclusive), 4 read",
        "revision 1, which is active",
        "1  rows compared\n0  of them differ\n1  rows more\n1  rows fewer\n",
        "unknown-op    1     1      offset 2: ",
        "user_id=2",
        "user_id=3",
    ] {
        ensure!(report.contains(line), "no {line:?} in\n{report}");
    }
    Ok(())
}

#[test]
fn values_that_the_table_writes_otherwise_are_no_difference() -> Result<()> {
    let job = Job::new("replayed_types")?;
    let further = [
        r#"price = "decimal(8,3)", seen = "timestamp(ms)", about = "json""#,
        r#"ref = "uuid", size = "float64", day = "text" }"#,
    ];
    let columns = format!("country_code = \"text\", {}", further.join(", "));
    job.edit_pipeline(|text| text.replace("country_code = \"text\" }", &columns))?;
    job.psql(
        "create type day as enum ('mon', 'tue');
        alter table users_enriched
            add price numeric(6, 1), add seen timestamp(0), add about jsonb,
            add ref uuid, add size real, add day day",
    )?;
    let event = |id: i64, day: &str| {
        let further = concat!(
            r#""price":"12.300","seen":1726531200400,"about":{"b": 1,"a":[1.50]},"size":1.1,"#,
            r#""ref":"7D444840-9DC0-11D1-B245-5FFDCE74FAD2""#
        );
        let row = format!(r#"{{"user_id":{id},{further},"day":"{day}"}}"#);
        let text = format!(r#"{{"op":"c","after":{row},"timestamp_ms":1726531200000}}"#);
        Message::new(0, text)
    };
    // The last is refused by Postgres.
    job.produce(&[event(1, "mon"), event(2, "tue"), event(3, "sun")])?;
    let mut run = job.run()?;
    job.wait_until_caught_up()?;
    run.kill()?;
    ensure!(job.rows()? == 2, "{}", job.explain());
    let report = replay(&job, 0, 3, &PRESENT)?;
    ensure!(
        report.contains("2  rows compared\n0  of them differ\n"),
        "{report}"
    );
    job.psql(
        r#"update users_enriched set price = 12.4, about = '{"a": [1.5], "b": 2}'
        where user_id = 1"#,
    )?;
    let report = replay(&job, 0, 3, &PRESENT)?;
    for part in [
        "1  of them differ",
        "price   1",
        "about   1",
        "\"12.4\"",
        "\"12.3\"",
    ] {
        ensure!(report.contains(part), "no {part:?} in\n{report}");
    }
    Ok(())
}
