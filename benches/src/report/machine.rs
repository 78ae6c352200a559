//! The machine that the figures come from.

use std::process::Command;

use anyhow::Result;
use gristmill_tests::process::output;

/// Processor, memory, and the versions of what was used.
pub(super) fn describe() -> Result<String> {
    let cpu = std::fs::read_to_string("/proc/cpuinfo")?;
    let model = cpu
        .lines()
        .find_map(|l| l.strip_prefix("model name")?.split_once(": "));
    let memory = std::fs::read_to_string("/proc/meminfo")?;
    let kib = memory.lines().find_map(|l| {
        l.strip_prefix("MemTotal:")?
            .split_whitespace()
            .next()?
            .parse::<f64>()
            .ok()
    });
    let version = |program: &str, flag: &str| {
        output(Command::new(program).arg(flag))
            .map(|v| v.lines().next().unwrap_or_default().trim().to_owned())
    };
    Ok(format!(
        "{} cores of {}, {:.0} GiB, Linux {}; {}; {}; gristmill {}; {}",
        std::thread::available_parallelism()?,
        model.map_or("an unknown processor", |(_, name)| name),
        kib.unwrap_or_default() / 1024.0 / 1024.0,
        std::fs::read_to_string("/proc/sys/kernel/osrelease")?.trim(),
        version("psql", "--version").unwrap_or_default(),
        "Kafka 4.1.0",
        env!("CARGO_PKG_VERSION"),
        version("java", "--version").unwrap_or_default(),
    ))
}
