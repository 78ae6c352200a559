//! Records that are small as they travel and large when they are read.

use anyhow::{Context, Result, ensure};
use gristmill_tests::job::Job;
use gristmill_tests::topic::Message;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use super::owner::PATIENCE;

const MIB: usize = 1 << 20;

/// Sends one record of so many bytes of text, compressed.
fn send_bomb(job: &Job<'_>, codec: &str, bytes: usize) -> Result<()> {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", job.kafka.bootstrap())
        .set("compression.type", codec)
        .set("message.max.bytes", "1000000000")
        .create()?;
    let value = vec![b'a'; bytes];
    let record = BaseRecord::<[u8], [u8]>::to(&job.topic);
    let record = record.partition(0).payload(&value[..]);
    producer.send(record).map_err(|(e, _)| e)?;
    Ok(producer.flush(PATIENCE)?)
}

/// The highest resident size of a process so far.
fn peak_bytes(process: u32) -> Result<usize> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.context("no peak")?.trim().trim_end_matches(" kB");
    Ok(kib.parse::<usize>()? * 1_024)
}

fn event(partition: i32, id: i64) -> Message {
    let text = format!(
        r#"{{"op":"c","after":{{"user_id":{id},"name":"n"}},"timestamp_ms":1726531200000}}"#
    );
    Message::new(partition, text)
}

#[test]
fn a_bomb_costs_one_dead_letter_and_its_size_once() -> Result<()> {
    let job = Job::new("bomb")?;
    job.edit_pipeline(|text| text.replacen("ratio_max = 0.05", "ratio_max = 1.0", 1))?;
    send_bomb(&job, "gzip", 100 * MIB)?;
    job.produce(&[event(0, 1), event(1, 2)])?;
    let run = job.run()?;
    job.wait_for("the records beside the bomb", || Ok(job.rows()? == 2))?;
    ensure!(job.codes()? == "too-large", "{}", job.explain());
    let kept = "select octet_length(value) from gristmill.dead_letter";
    ensure!(job.number(kept)? == 1_024);
    let message = job.psql("select message from gristmill.dead_letter")?;
    ensure!(message.contains("104857600 bytes together"), "{message}");
    // Some 140 MiB; twice the record, as it was, is 240.
    let peak = peak_bytes(run.id())?;
    ensure!(peak < 200 * MIB, "{} MiB", peak / MIB);
    Ok(())
}

#[test]
fn what_librdkafka_does_not_inflate_holds_up_its_partition_alone() -> Result<()> {
    let job = Job::new("zstd_bomb")?;
    send_bomb(&job, "zstd", 100 * MIB)?;
    job.produce(&[event(0, 1), event(1, 2)])?;
    let _run = job.run()?;
    job.wait_for("the other partition", || Ok(job.rows()? == 1))?;
    job.wait_until_logged("cannot go on with users_cdc_zstd_bomb[0]:")?;
    let said = "select count(*) from gristmill.checkpoint where partition = 0 and state = 'waiting'
        and reason like '%too large once it is inflated%'";
    job.wait_for("the reason", || Ok(job.number(said)? == 1))?;
    job.produce(&[event(1, 3)])?;
    job.wait_for("the other partition to go on", || Ok(job.rows()? == 2))?;
    ensure!(
        !job.log()?.contains("users_cdc_zstd_bomb[1]:"),
        "{}",
        job.explain()
    );
    Ok(())
}
