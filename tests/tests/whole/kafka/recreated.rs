//! Topics that are deleted and created again while they are read.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use gristmill_tests::job::Job;
use gristmill_tests::program::text;
use gristmill_tests::topic::Message;

use super::owner::wait;

/// Events about `users`, all of one partition, so that an offset is the place in the list.
fn events(users: std::ops::Range<i64>) -> Vec<Message> {
    let event = |id| {
        let text = format!(
            r#"{{"op":"c","after":{{"user_id":{id},"name":"n"}},"timestamp_ms":1726531200000}}"#
        );
        Message::new(0, text)
    };
    users.map(event).collect()
}

fn continue_over_gaps(job: &Job<'_>) -> Result<()> {
    job.edit_pipeline(|text| text.replacen("on_gap = \"halt\"", "on_gap = \"continue\"", 1))
}

#[test]
fn no_record_of_a_topic_that_is_created_again_ten_times_under_load_is_lost() -> Result<()> {
    let job = Job::new("ten_times")?;
    continue_over_gaps(&job)?;
    job.flush_after(50)?;
    job.produce(&events(0..500))?;
    let _run = job.run()?;
    let mut users = 500;
    for round in 0..10 {
        // Under load: what was written last is being read while the topic goes.
        let (written, pause) = (300 + 100 * (round % 3), 25 * (round % 4) as u64);
        job.wait_for("some rows", || Ok(job.rows()? > 0))?;
        job.kafka.delete_topic(&job.topic)?;
        std::thread::sleep(Duration::from_millis(pause));
        job.kafka.create_topic(&job.topic, 2, &[])?;
        job.psql("truncate users_enriched")?;
        job.produce(&events(users..users + written))?;
        let rows = format!(
            "select count(*) from users_enriched where user_id >= {users} and user_id < {}",
            users + written
        );
        job.wait_for(&format!("all rows of round {round}"), || {
            Ok(job.number(&rows)? == written)
        })?;
        users += written;
    }
    ensure!(job.number("select log from gristmill.checkpoint where partition = 0")? == 11);
    let gaps = "select count(*) from gristmill.gap where cause = 're-created' and partition = 0";
    ensure!(job.number(gaps)? > 0, "{}", job.explain());
    Ok(())
}

#[test]
fn a_longer_topic_of_the_same_name_is_found_within_seconds_and_halts() -> Result<()> {
    let job = Job::new("longer")?;
    job.produce(&events(0..100))?;
    let _run = job.run()?;
    job.wait_until_caught_up()?;
    // The brokers are asked twice for the topic meanwhile: so much is surely of the old one.
    std::thread::sleep(Duration::from_secs(4));
    job.kafka.delete_topic(&job.topic)?;
    job.kafka.create_topic(&job.topic, 2, &[])?;
    job.produce(&events(1_000..2_000))?;
    let begun = Instant::now();
    job.wait_until_halted(2)?;
    let took = begun.elapsed();
    ensure!(
        took < Duration::from_secs(15),
        "{took:?}\n{}",
        job.explain()
    );
    let reason = job.psql("select reason from gristmill.checkpoint where partition = 0")?;
    ensure!(reason.contains("created again"), "{reason}");
    ensure!(
        reason.contains("on_gap = \"continue\"") && reason.contains("starts again"),
        "{reason}"
    );
    // However much of the new one was read before it was noticed.
    ensure!(reason.contains("before 100 were read"), "{reason}");
    let gap = "select g.cause, g.from_offset, g.to_offset, c.next_offset from gristmill.gap g join \
               gristmill.checkpoint c using (topic, partition) where partition = 0";
    ensure!(
        job.psql(gap)? == "re-created|100|0|100",
        "{}",
        job.psql(gap)?
    );
    ensure!(job.log()?.contains("\"code\":\"gap\""), "{}", job.explain());
    Ok(())
}

/// The pipeline's first start counts, and not when its process first sees the topic: what is
/// written while nobody reads belongs to it, too.
#[test]
fn a_topic_that_comes_after_the_first_start_is_read_whole_also_from_latest() -> Result<()> {
    let job = Job::new("latest_later")?;
    job.edit_pipeline(|text| text.replacen("\"earliest\"", "\"latest\"", 1))?;
    job.kafka.delete_topic(&job.topic)?;
    let mut run = job.run()?;
    let waiting = "select count(*) from gristmill.host where jsonb_array_length(waiting) > 0";
    let waits = || Ok(job.number(waiting)? > 0);
    wait("it to wait for its topic", waits).with_context(|| job.explain())?;
    // It has run no partition: all of it waits.
    let status = job.command(&["status", "users.toml"])?.output()?;
    let said = text(&status.stdout);
    ensure!(
        !status.status.success() && said.contains("waiting: "),
        "{said}"
    );
    run.kill()?;
    job.kafka.create_topic(&job.topic, 2, &[])?;
    job.produce(&events(0..60))?;
    let second = |message| Message {
        partition: 1,
        ..message
    };
    job.produce(&events(60..100).into_iter().map(second).collect::<Vec<_>>())?;
    let _run = job.run()?;
    wait("all rows", || Ok(job.rows()? == 100)).with_context(|| job.explain())?;
    Ok(())
}

/// librdkafka keeps to the topic that it knows until it asks for the cluster's metadata again, so
/// what a process read before the topic went is not of the new one, and its checkpoint says which
/// one that was.
#[test]
fn a_topic_that_is_created_again_while_nobody_reads_is_found_at_the_take() -> Result<()> {
    let job = Job::new("at_the_take")?;
    continue_over_gaps(&job)?;
    job.produce(&events(0..100))?;
    let mut run = job.run()?;
    job.wait_until_caught_up()?;
    run.kill()?;
    let id = "select topic_id from gristmill.checkpoint where partition = 0";
    let before = job.psql(id)?;
    ensure!(before.len() == 22, "{before}");
    job.kafka.delete_topic(&job.topic)?;
    job.kafka.create_topic(&job.topic, 2, &[])?;
    // The same records once more, so that nothing but the id tells the topics apart.
    job.produce(&events(0..100))?;
    job.produce(&events(2_000..2_100))?;
    job.psql("truncate users_enriched")?;
    let _run = job.run()?;
    wait("all rows", || Ok(job.rows()? == 200)).with_context(|| job.explain())?;
    ensure!(job.psql(id)? != before);
    Ok(())
}
