//! Captures streams for `tests/streams/`: `capture FOLDER FROM TO` writes those of the seeds from
//! FROM to TO.

use std::path::Path;

use anyhow::{Context, Result};
use gristmill_tests::kafka::Kafka;
use gristmill_tests::mirror::capture::Watch;

/// Seeds that share a source and a worker.
const AT_ONCE: usize = 5;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, from, to] = &arguments[..] else {
        anyhow::bail!("usage: capture FOLDER FROM TO");
    };
    let seeds: Vec<u64> = (from.parse().context("FROM")?..=to.parse().context("TO")?).collect();
    let kafka = Kafka::start()?;
    for seeds in seeds.chunks(AT_ONCE) {
        let mut watch = Watch::start(&kafka, seeds, None)?;
        watch.work()?;
        for stream in watch.streams()? {
            let name = format!("{:03}.jsonl.gz", stream.head.seed);
            stream.write(&Path::new(folder).join(name))?;
        }
    }
    Ok(())
}
