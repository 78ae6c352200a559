//! Recorded traffic through another rule, against what the table holds: the rule that made the table differs in nothing, and another one in just what it makes otherwise.

use anyhow::{Context, Result, ensure};
use gristmill_tests::job::Job;
use gristmill_tests::kafka::Kafka;
use gristmill_tests::oracle::User;
use gristmill_tests::postgres::Postgres;
use gristmill_tests::rules::OPERATION_IN_KIND;
use gristmill_tests::seed::random;
use gristmill_tests::topic::{self, Message};
use rand::Rng;

/// As in the shipped pipeline.
const NAME: &str = "enrich-email";
const GMAIL: &str = r#"{"corporate_domains": ["gmail.com"]}"#;

#[test]
fn the_rule_that_made_the_table_differs_in_nothing_and_another_in_its_own_column() -> Result<()> {
    agrees("replayed", "")
}

#[test]
fn so_it_is_where_the_table_does_not_name_records() -> Result<()> {
    let plain = "alter table users_enriched drop column _gm_partition, drop column _gm_offset, drop column _gm_revision";
    agrees("replayed_plain", plain)
}

/// Late, bad and superseded events included, in batches cut otherwise than they were.
fn agrees(name: &str, before: &str) -> Result<()> {
    let mut random = random("replays");
    let job = Job::new(name)?;
    if !before.is_empty() {
        job.psql(before)?;
    }
    job.edit_pipeline(|text| text.replacen("[target]", "[target]\nmax_rows = 200", 1))?;
    let mut run = job.run()?;
    job.generate(6_000, 1_000, random.random())?;
    job.wait_until_caught_up()?;
    let ends = topic::ends(&job.kafka.bootstrap(), &job.topic)?;
    job.generate(3_000, 1_000, random.random())?;
    job.wait_until_caught_up()?;
    run.kill()?;
    let held =
        || job.psql("select md5(string_agg(u::text, ',' order by user_id)) from users_enriched u");
    let (table, expected) = (held()?, job.expected()?);

    // Without the columns a later event of the same time cannot be told from the one in the range.
    let parts = if before.is_empty() {
        ends.as_slice()
    } else {
        &[]
    };
    for (partition, end) in parts.iter().enumerate() {
        let newest = |u: &&User| u.partition == partition as i32 && u.offset < *end;
        let newest = expected.users.values().filter(newest).count() as i64;
        let partition = partition.to_string();
        let present = [
            "--component",
            "builtin:enrich-email",
            "--partition",
            &partition,
        ];
        let said = replay(&job, 0, *end, &present)?;
        ensure!(count(&said, "rows compared")? == newest, "{newest}: {said}");
        ensure!(count(&said, "since replaced")? > 0, "{said}");
        same(&said)?;
    }

    // All of the partition: what the other rule makes otherwise can be asked of the table itself.
    let end = topic::ends(&job.kafka.bootstrap(), &job.topic)?[0];
    same(&replay(
        &job,
        0,
        end,
        &["--component", "builtin:enrich-email"],
    )?)?;
    let of_partition = expected.users.values().filter(|u| u.partition == 0);
    let otherwise = |domain: &Option<String>, is: bool| {
        (domain.as_deref().map(str::to_lowercase).as_deref() == Some("gmail.com")) != is
    };
    let (mut rows, mut differ) = (0, 0);
    for user in of_partition {
        rows += 1;
        differ += i64::from(otherwise(&user.email_domain, user.is_corporate));
    }
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("config.json");
    std::fs::write(&config, GMAIL)?;
    let config = config.to_str().context("a path")?;
    let said = replay(
        &job,
        0,
        end,
        &["--component", "builtin:enrich-email", "--config", config],
    )?;
    ensure!(count(&said, "rows compared")? == rows, "{rows}: {said}");
    ensure!(
        count(&said, "of them differ")? == differ && differ > 0,
        "{differ}: {said}"
    );
    let column = said.lines().find(|l| l.starts_with("is_corporate"));
    let column = column.context("no is_corporate")?.split_whitespace().nth(1);
    ensure!(column == Some(&differ.to_string()), "{said}");
    ensure!(
        said.contains("table has") && said.contains("rule gives"),
        "{said}"
    );
    ensure!(!said.contains("since replaced"), "{said}");
    ensure!(held()? == table, "the table has changed");
    Ok(())
}

#[test]
fn rows_that_go_and_dead_letters_that_come_are_counted() -> Result<()> {
    let job = Job::new("replayed_letters")?;
    let event = |op: &str, id: i64, ms: i64| {
        let text = format!(
            r#"{{"op":"{op}","kind":"{}","after":{{"user_id":{id},"email":"a@gmail.com"}},"timestamp_ms":{}}}"#,
            if id == 3 { "?" } else { "c" },
            1_726_531_200_000_i64 + ms
        );
        Message::new(0, text)
    };
    let events = [
        event("c", 1, 0),
        event("x", 2, 1),
        event("c", 3, 2),
        event("u", 1, 3),
    ];
    topic::write(&job.kafka.bootstrap(), &job.topic, &events)?;
    let mut run = job.run()?;
    job.wait_until_caught_up()?;
    run.kill()?;
    // The operation is read elsewhere: the bad event is good, and the third is bad.
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("config.toml");
    std::fs::write(&config, OPERATION_IN_KIND)?;
    let config = config.to_str().context("a path")?;
    let rule = [
        "normalize-cdc",
        "--component",
        "builtin:normalize-cdc",
        "--config",
        config,
    ];
    let said = job.gristmill(
        &[
            &["transform", "replay", "users.toml"],
            &rule[..],
            &["--from", "0", "--to", "4"],
        ]
        .concat(),
    )?;
    for line in [
        "users_cdc_replayed_letters[0] from offset 0 to 4 (exclusive), 4 read",
        "revision 1, which is active",
        "1  rows compared\n0  of them differ\n1  rows more\n1  rows fewer\n",
        "unknown-op    1     1      offset 2: ",
        "user_id=2",
        "user_id=3",
    ] {
        ensure!(said.contains(line), "no {line:?} in\n{said}");
    }
    Ok(())
}

#[test]
fn values_that_the_table_writes_otherwise_are_no_difference() -> Result<()> {
    let job = Job::new("replayed_types")?;
    job.edit_pipeline(|text| {
        text.replace(
            "country_code = \"text\" }",
            "country_code = \"text\", price = \"decimal(8,3)\", seen = \"timestamp(ms)\", about = \"json\", ref = \"uuid\", size = \"float64\", day = \"text\" }",
        )
    })?;
    job.psql(
        "create type day as enum ('mon', 'tue'); alter table users_enriched add price numeric(6, 1), add seen timestamp(0), add about jsonb, add ref uuid, \
         add size real, add day day",
    )?;
    let event = |id: i64, day: &str| {
        let row = format!(
            r#"{{"user_id":{id},"price":"12.340","seen":1726531200400,"about":{{"b": 1,"a":[1.50]}},"ref":"7D444840-9DC0-11D1-B245-5FFDCE74FAD2","size":1.1,"day":"{day}"}}"#
        );
        let text = format!(r#"{{"op":"c","after":{row},"timestamp_ms":1726531200000}}"#);
        Message::new(0, text)
    };
    // The last is refused by Postgres.
    let events = [event(1, "mon"), event(2, "tue"), event(3, "sun")];
    topic::write(&job.kafka.bootstrap(), &job.topic, &events)?;
    let mut run = job.run()?;
    job.wait_until_caught_up()?;
    run.kill()?;
    ensure!(
        job.psql("select count(*) from users_enriched")? == "2",
        "{}",
        job.explain()
    );
    let present = ["--component", "builtin:enrich-email"];
    let said = replay(&job, 0, 3, &present)?;
    ensure!(
        said.contains("2  rows compared\n0  of them differ\n"),
        "{said}"
    );
    job.psql("update users_enriched set price = 12.4, about = '{\"a\": [1.5], \"b\": 2}' where user_id = 1")?;
    let said = replay(&job, 0, 3, &present)?;
    for part in [
        "1  of them differ",
        "price   1",
        "about   1",
        "\"12.4\"",
        "\"12.3\"",
    ] {
        ensure!(said.contains(part), "no {part:?} in\n{said}");
    }
    Ok(())
}

#[test]
fn what_cannot_be_replayed_is_told_in_a_sentence() -> Result<()> {
    let kafka = Kafka::start()?;
    let job = Job::on(&kafka, Postgres::shared()?, "replayed_not")?;
    job.generate(400, 100, 1)?;
    let ends = topic::ends(&job.kafka.bootstrap(), &job.topic)?;
    let end = ends[0];
    let present = ["--component", "builtin:enrich-email"];
    // Nothing has run: the file's rules against whatever is in the table.
    job.psql("insert into users_enriched (user_id, updated_at) select i, 'epoch' from generate_series(0, 1000) i")?;
    let said = replay(&job, 0, end, &present)?;
    ensure!(said.contains("no revision is active"), "{said}");
    ensure!(count(&said, "of them differ")? > 0, "{said}");

    let mut run = job.run()?;
    job.wait_until_caught_up()?;
    run.kill()?;
    job.generate(400, 100, 2)?;
    let refused = |from: i64, to: i64, also: &[&str], why: &str| -> Result<()> {
        let error = replay(&job, from, to, &[&present, also].concat()).err();
        let error = format!("{:#}", error.context("it was accepted")?);
        ensure!(error.contains(why), "{error} does not say: {why}");
        Ok(())
    };
    refused(5, 5, &[], "--to is the offset behind the last")?;
    refused(-1, 5, &[], "an offset is a number from 0 on")?;
    refused(0, end + 1, &[], &format!("use a --to of at most {end}"))?;
    refused(0, 1_000_000, &[], "ends at offset")?;
    refused(
        0,
        5,
        &["--partition", "7"],
        "has no partition 7: it has 0, 1",
    )?;
    refused(0, 5, &["--config", "gone.json"], "gone.json")?;
    let wrong_name = [
        "transform",
        "replay",
        "users.toml",
        "enrich-mail",
        "--from",
        "0",
        "--to",
        "5",
    ];
    let wrong_name = job.gristmill(&[&wrong_name[..], &present].concat()).err();
    let wrong_name = format!("{:#}", wrong_name.context("it was accepted")?);
    ensure!(
        wrong_name.contains("it has normalize-cdc, enrich-country, enrich-email"),
        "{wrong_name}"
    );
    kafka.delete_records(&job.topic, 0, 10)?;
    refused(0, 20, &[], "use a --from of at least 10")?;
    let gap = format!(
        "insert into gristmill.gap (pipeline, run, topic, partition, from_offset, to_offset, cause) values ('replayed_not', 1, '{}', 0, 15, 18, 'retention')",
        job.topic
    );
    job.psql(&gap)?;
    refused(
        10,
        20,
        &[],
        "has never read users_cdc_replayed_not[0] from offset 15 to 18",
    )?;
    replay(&job, 18, 20, &present)?;
    job.psql("alter table users_enriched drop column email_domain")?;
    refused(18, 20, &[], "email_domain")?;
    job.psql("drop table users_enriched")?;
    refused(18, 20, &[], "schema apply")?;
    Ok(())
}

fn same(said: &str) -> Result<()> {
    ensure!(count(said, "of them differ")? == 0, "{said}");
    for none in ["rows more", "rows fewer", "dead letters"] {
        ensure!(!said.contains(none), "{said}");
    }
    Ok(())
}

fn replay(job: &Job, from: i64, to: i64, arguments: &[&str]) -> Result<String> {
    let (from, to) = (from.to_string(), to.to_string());
    let range = ["--from", &from, "--to", &to];
    job.gristmill(
        &[
            &["transform", "replay", "users.toml", NAME],
            arguments,
            &range[..],
        ]
        .concat(),
    )
    .with_context(|| job.explain())
}

/// The number before `what` at the beginning of a line.
fn count(said: &str, what: &str) -> Result<i64> {
    let line = said.lines().find_map(|line| line.split_once(what));
    let (number, _) = line.with_context(|| format!("no {what} in\n{said}"))?;
    Ok(number.trim().parse()?)
}
