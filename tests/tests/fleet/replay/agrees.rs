//! The rule that made the table differs from it in nothing, and another one in just what it makes
//! otherwise.

use anyhow::{Context, Result, ensure};
use gristmill_tests::job::Job;
use gristmill_tests::oracle::User;
use gristmill_tests::rules::config_file;
use gristmill_tests::seed::random;
use gristmill_tests::topic;
use rand::Rng;

use super::{PRESENT, count, replay};

const GMAIL: &str = r#"{"corporate_domains": ["gmail.com"]}"#;

#[test]
fn the_rule_that_made_the_table_differs_in_nothing_and_another_in_its_own_column() -> Result<()> {
    agrees("replayed", "")
}

#[test]
fn so_it_is_where_the_table_does_not_name_records() -> Result<()> {
    let plain = "alter table users_enriched
        drop column _gm_version, drop column _gm_revision";
    agrees("replayed_plain", plain)
}

/// Late, bad and superseded events included, in batches cut otherwise than they were.
fn agrees(name: &str, before: &str) -> Result<()> {
    let mut random = random("replays");
    let job = Job::new(name)?;
    if !before.is_empty() {
        job.psql(before)?;
    }
    job.flush_after(200)?;
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
        let partition = ["--partition", &partition.to_string()];
        let report = replay(&job, 0, *end, &[PRESENT, partition].concat())?;
        ensure!(
            count(&report, "rows compared")? == newest,
            "{newest}: {report}"
        );
        ensure!(count(&report, "since replaced")? > 0, "{report}");
        same(&report)?;
    }

    // All of the partition: what the other rule makes otherwise can be asked of the table itself.
    let end = topic::ends(&job.kafka.bootstrap(), &job.topic)?[0];
    same(&replay(&job, 0, end, &PRESENT)?)?;
    let otherwise = |domain: &Option<String>, is: bool| {
        (domain.as_deref().map(str::to_lowercase).as_deref() == Some("gmail.com")) != is
    };
    let (mut rows, mut differ) = (0, 0);
    for user in expected.users.values().filter(|u| u.partition == 0) {
        rows += 1;
        // A delete writes nothing of what the rule gives.
        let is_written = !user.is_deleted;
        differ += i64::from(is_written && otherwise(&user.email_domain, user.is_corporate));
    }
    let config = config_file(GMAIL)?;
    let config = ["--config", config.path().to_str().context("a path")?];
    let report = replay(&job, 0, end, &[PRESENT, config].concat())?;
    ensure!(count(&report, "rows compared")? == rows, "{rows}: {report}");
    ensure!(
        count(&report, "of them differ")? == differ && differ > 0,
        "{differ}: {report}"
    );
    let column = report.lines().find(|l| l.starts_with("is_corporate"));
    let column = column.context("no is_corporate")?.split_whitespace().nth(1);
    ensure!(column == Some(&differ.to_string()), "{report}");
    ensure!(
        report.contains("table has") && report.contains("rule gives"),
        "{report}"
    );
    ensure!(!report.contains("since replaced"), "{report}");
    ensure!(held()? == table, "the table has changed");
    Ok(())
}

/// The report has no difference of any kind.
fn same(report: &str) -> Result<()> {
    ensure!(count(report, "of them differ")? == 0, "{report}");
    for none in ["rows more", "rows fewer", "dead letters"] {
        ensure!(!report.contains(none), "{report}");
    }
    Ok(())
}
