//! What cannot be replayed.

use anyhow::{Result, ensure};
use gristmill_tests::job::Job;
use gristmill_tests::kafka::Kafka;
use gristmill_tests::postgres::Postgres;
use gristmill_tests::program::refusal;
use gristmill_tests::topic;

use super::{PRESENT, count, replay};

#[test]
fn what_cannot_be_replayed_is_told_in_a_sentence() -> Result<()> {
    let job = Job::on(Kafka::shared()?, Postgres::shared()?, "replayed_not")?;
    job.generate(400, 100, 1)?;
    let ends = topic::ends(&job.kafka.bootstrap(), &job.topic)?;
    let end = ends[0];
    // Nothing has run: the file's rules against whatever is in the table.
    job.psql(
        "insert into users_enriched (user_id, updated_at)
        select i, 'epoch' from generate_series(0, 1000) i",
    )?;
    let report = replay(&job, 0, end, &PRESENT)?;
    ensure!(report.contains("no revision is active"), "{report}");
    ensure!(count(&report, "of them differ")? > 0, "{report}");

    let mut run = job.run()?;
    job.wait_until_caught_up()?;
    run.kill()?;
    job.generate(400, 100, 2)?;
    let refused = |from: i64, to: i64, also: &[&str], why: &str| -> Result<()> {
        let error = refusal(replay(&job, from, to, &[&PRESENT, also].concat()))?;
        ensure!(error.contains(why), "{error} does not say: {why}");
        Ok(())
    };
    refused(5, 5, &[], "--to is the offset behind the last")?;
    refused(-1, 5, &[], "an offset is a number from 0 on")?;
    refused(0, end + 1, &[], &format!("use a --to of at most {end}"))?;
    refused(0, 1_000_000, &[], "ends at offset")?;
    let seven = ["--partition", "7"];
    refused(0, 5, &seven, "has no partition 7: it has 0, 1")?;
    refused(0, 5, &["--config", "gone.json"], "gone.json")?;
    let range = ["--from", "0", "--to", "5"];
    let wrong_name = [&["enrich-mail"], &PRESENT[..], &range].concat();
    let wrong_name = refusal(job.transform("replay", &wrong_name))?;
    ensure!(
        wrong_name.contains("it has normalize-cdc, enrich-country, enrich-email"),
        "{wrong_name}"
    );
    job.kafka.delete_records(&job.topic, 0, 10)?;
    refused(0, 20, &[], "use a --from of at least 10")?;
    job.psql(&format!(
        "insert into gristmill.gap
            (pipeline, run, topic, partition, from_offset, to_offset, cause)
        values ('replayed_not', 1, '{}', 0, 15, 18, 'retention')",
        job.topic
    ))?;
    let gap = "has never read users_cdc_replayed_not[0] from offset 15 to 18";
    refused(10, 20, &[], gap)?;
    replay(&job, 18, 20, &PRESENT)?;
    job.psql("alter table users_enriched drop column email_domain")?;
    refused(18, 20, &[], "email_domain")?;
    job.psql("drop table users_enriched")?;
    refused(18, 20, &[], "schema apply")?;
    Ok(())
}
