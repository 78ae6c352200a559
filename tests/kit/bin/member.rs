//! A member of a consumer group in a process of its own, for tests that kill it. Reads every
//! assigned partition from offset 0 and says on standard output what happens, a line each:
//! `assigned TOPIC[P]`, `record TOPIC[P] OFFSET`, `revoked TOPIC[P]`. Ends when its standard input
//! does.
//!
//! `member BOOTSTRAP TOPIC GROUP STATE_FOLDER`

use std::io::{Read, Write};

use anyhow::{Context, Result};
use std::sync::Arc;

use gristmill_kafka::TopicPartition;
use gristmill_kafka::admin::Admin;
use gristmill_kafka::client::SourceConfig;
use gristmill_kafka::source::membership::Membership;
use gristmill_kafka::source::{Assignments, FetchStart, Position, Source, SourceFault, feed};

struct Member;

fn say(line: std::fmt::Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    // A reader that is gone is the end of the test.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

impl Assignments for Member {
    fn assigned(&mut self, partitions: &[TopicPartition]) -> Vec<Position> {
        partitions
            .iter()
            .map(|p| {
                say(format_args!("assigned {p}"));
                let (sender, mut intake) = feed();
                let partition = p.clone();
                std::thread::spawn(move || {
                    while let Some(chunk) = intake.blocking_recv() {
                        for record in chunk.records.iter() {
                            say(format_args!("record {partition} {}", record.offset));
                        }
                    }
                });
                Position::Start(FetchStart {
                    next_offset: 0,
                    topic_id: None,
                    feed: sender,
                })
            })
            .collect()
    }

    fn revoked(&mut self, partitions: &[TopicPartition]) {
        for p in partitions {
            say(format_args!("revoked {p}"));
        }
    }

    fn lost(&mut self, partitions: &[TopicPartition]) {
        for p in partitions {
            say(format_args!("lost {p}"));
        }
    }

    fn fault(&mut self, fault: SourceFault) {
        say(format_args!("fault {fault}"));
    }
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [bootstrap, topic, group, state] = arguments.as_slice() else {
        anyhow::bail!("usage: member BOOTSTRAP TOPIC GROUP STATE_FOLDER");
    };
    let instance = Membership::acquire_in(state.as_ref(), group, topic);
    let instance = instance.context("no instance id")?;
    let mut config = SourceConfig::new(bootstrap, &[topic], group);
    config.instance_id = Some(instance.id().to_owned());
    let admin = Arc::new(Admin::new(bootstrap, &config.properties)?);
    let source = Source::start(&config, admin, Member)?;
    let mut end = Vec::new();
    std::io::stdin().read_to_end(&mut end)?;
    source.stop();
    Ok(())
}
