//! Who reads: members that come, go and die.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use gristmill_kafka::client::SourceConfig;
use gristmill_kafka::source::membership::Membership;
use gristmill_kafka::source::{Intake, SourceFault};
use gristmill_tests::kafka::Kafka;
use gristmill_tests::process::Process;

use super::owner::{PATIENCE, Told, assigned, fault, produce, source, topic, wait};

#[test]
fn two_members_share_and_hand_over_losing_none() -> Result<()> {
    let kafka = Kafka::shared()?;
    let config = topic(kafka, "handover", 4)?;
    // What a checkpoint would hold: where each partition goes on.
    let next_offsets = std::sync::Arc::new(std::sync::Mutex::new([0i64; 4]));
    let member = || {
        let next_offsets = std::sync::Arc::clone(&next_offsets);
        source(&config, move |p| {
            Some(next_offsets.lock().unwrap()[p.partition as usize])
        })
    };
    let mut intakes: BTreeMap<(u8, i32), Intake> = BTreeMap::new();
    let mut follow = |number: u8, told: &mpsc::Receiver<Told>| -> Result<usize> {
        while let Ok(told) = told.try_recv() {
            match told {
                Told::Assigned(p, intake) => {
                    intakes.insert((number, p.partition), intake);
                }
                Told::Revoked(p) => {
                    intakes.remove(&(number, p.partition));
                }
                other => bail!("{other:?}"),
            }
        }
        for ((_, partition), intake) in &mut intakes {
            while let Some(chunk) = intake.try_recv() {
                let mut next_offsets = next_offsets.lock().unwrap();
                for record in chunk.records.iter() {
                    // A record read by two at once is what the checkpoint's owner epoch refuses; a
                    // hole would be a loss.
                    let next = &mut next_offsets[*partition as usize];
                    assert!(record.offset <= *next, "a hole before {}", record.offset);
                    *next = (*next).max(record.offset + 1);
                }
            }
        }
        Ok(intakes.keys().filter(|(n, _)| *n == number).count())
    };
    let (first, told_first) = member()?;
    wait("all partitions", || Ok(follow(1, &told_first)? == 4))?;
    for partition in 0..4 {
        produce(kafka, "handover", partition, 0..1_000)?;
    }
    let (second, told_second) = member()?;
    wait("half of them each", || {
        Ok((follow(1, &told_first)?, follow(2, &told_second)?) == (2, 2))
    })?;
    for partition in 0..4 {
        produce(kafka, "handover", partition, 1_000..2_000)?;
    }
    first.stop();
    wait("all with the second", || {
        Ok((follow(1, &told_first)?, follow(2, &told_second)?) == (0, 4))
    })?;
    wait("all records", || {
        follow(2, &told_second)?;
        Ok(*next_offsets.lock().unwrap() == [2_000; 4])
    })?;
    second.stop();
    Ok(())
}

/// The session of a member that has gone would time out long after the test.
#[test]
fn a_member_that_leaves_is_not_waited_for() -> Result<()> {
    let kafka = Kafka::shared()?;
    let state = tempfile::tempdir()?;
    let states = [state.path().to_owned()];
    let config = topic(kafka, "leaves", 4)?;
    let members = [
        Membership::acquire(&states, &config.group, "leaves")?,
        Membership::acquire(&states, &config.group, "leaves")?,
    ];
    let member = |membership: &Membership| {
        let config = SourceConfig {
            session_timeout_ms: 300_000,
            instance_id: Some(membership.id().to_owned()),
            ..config.clone()
        };
        source(&config, |_| Some(0))
    };
    let count = |told: &mpsc::Receiver<Told>, held: &mut usize| {
        for told in told.try_iter() {
            match told {
                Told::Assigned(..) => *held += 1,
                Told::Revoked(_) => *held -= 1,
                other => bail!("{other:?}"),
            }
        }
        Ok(*held)
    };
    let ((first, told_first), (second, told_second)) = (member(&members[0])?, member(&members[1])?);
    let (mut by_first, mut by_second) = (0, 0);
    wait("half of them each", || {
        Ok((
            count(&told_first, &mut by_first)?,
            count(&told_second, &mut by_second)?,
        ) == (2, 2))
    })?;
    first.leave();
    wait("all with the second", || {
        Ok((
            count(&told_first, &mut by_first)?,
            count(&told_second, &mut by_second)?,
        ) == (0, 4))
    })?;
    second.leave();
    Ok(())
}

/// A member in a process of its own and the lines it says.
struct Member {
    process: Process,
    lines: mpsc::Receiver<String>,
}

impl Member {
    fn start(kafka: &Kafka, topic: &str, group: &str, state: &Path) -> Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_member"));
        command.args([&kafka.bootstrap(), topic, group]).arg(state);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::spawn(&mut command, "KILL")?;
        let out = BufReader::new(process.stdout().context("no output")?);
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self { process, lines })
    }

    fn wait_for(&self, start: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left);
            if line.with_context(|| start.to_owned())?.starts_with(start) {
                return Ok(());
            }
        }
    }
}

/// Kills one of two members and starts it again; the group was led by the one that joined first.
fn kill_and_start_again(kafka: &Kafka, group: &str, kill_leader: bool) -> Result<()> {
    let state = tempfile::tempdir()?;
    let start = || Member::start(kafka, "killed", group, state.path());
    let own = tempfile::tempdir()?;
    let instance = Membership::acquire_in(own.path(), group, "killed")?;
    let mut config = SourceConfig::new(&kafka.bootstrap(), &["killed"], group);
    config.instance_id = Some(instance.id().to_owned());
    let (mut member, (source, told));
    if kill_leader {
        member = start()?;
        member.wait_for("record")?;
        (source, told) = self::source(&config, |_| Some(0))?;
        assigned(&told)?;
    } else {
        (source, told) = self::source(&config, |_| Some(0))?;
        let _both = (assigned(&told)?, assigned(&told)?);
        member = start()?;
        member.wait_for("record")?;
    }
    // The group is at rest when nothing more comes.
    while told.recv_timeout(Duration::from_secs(2)).is_ok() {}
    member.process.kill()?;
    let started = Instant::now();
    member = start()?;
    member.wait_for("assigned")?;
    let assigned_after = started.elapsed();
    member.wait_for("record")?;
    println!(
        "{group}: assigned again after {assigned_after:?}, first record after {:?}",
        started.elapsed()
    );
    let disturbed = told.recv_timeout(Duration::from_secs(1));
    assert!(disturbed.is_err(), "the other member: {disturbed:?}");
    source.stop();
    Ok(())
}

#[test]
fn after_a_kill_a_member_gets_its_partition_back_and_the_other_is_not_disturbed() -> Result<()> {
    let kafka = Kafka::shared()?;
    kafka.create_topic("killed", 2, &[])?;
    for partition in 0..2 {
        produce(kafka, "killed", partition, 0..10)?;
    }
    kill_and_start_again(kafka, "killed-leader", true)?;
    kill_and_start_again(kafka, "killed-follower", false)
}

#[test]
fn two_processes_with_one_instance_id_are_told() -> Result<()> {
    let kafka = Kafka::shared()?;
    let mut config = topic(kafka, "fenced", 1)?;
    config.instance_id = Some("the-same".to_owned());
    let (first, told_first) = source(&config, |_| Some(0))?;
    let _first = assigned(&told_first)?;
    let (second, told_second) = source(&config, |_| Some(0))?;
    let _second = assigned(&told_second)?;
    let told = told_first.recv_timeout(PATIENCE)?;
    assert!(matches!(told, Told::Lost), "{told:?}");
    let fatal = fault(&told_first)?;
    assert!(matches!(fatal, SourceFault::Fatal { .. }), "{fatal:?}");
    first.stop();
    second.stop();
    Ok(())
}
