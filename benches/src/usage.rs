//! What processes use, as Linux says under `/proc`.

use std::collections::HashMap;
use std::fs;

use anyhow::{Context, Result};

/// `USER_HZ`, which the kernel promises to programs whatever its own clock is.
const TICKS_PER_SECOND: f64 = 100.0;

/// A process with its children, and theirs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tree(pub(crate) u32);

impl Tree {
    /// Seconds of CPU that they have used, children that ended and were waited for included.
    pub(crate) fn cpu_s(self) -> f64 {
        let stats = self.members();
        let ticks: u64 = stats.iter().map(|stat| stat.ticks).sum();
        ticks as f64 / TICKS_PER_SECOND
    }

    /// The sum of the highest resident sizes, MiB. Pages that processes share count for each of
    /// them.
    pub(crate) fn memory_max_mib(self) -> f64 {
        let kib = |stat: &Stat| {
            let status = fs::read_to_string(format!("/proc/{}/status", stat.pid)).ok()?;
            let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
            line.split_whitespace().nth(1)?.parse::<f64>().ok()
        };
        self.members().iter().filter_map(kib).sum::<f64>() / 1024.0
    }

    fn members(self) -> Vec<Stat> {
        let all: HashMap<u32, Stat> = stats().map(|stat| (stat.pid, stat)).collect();
        let belongs = |stat: &&Stat| {
            let mut pid = stat.pid;
            while pid != self.0 {
                match all.get(&pid) {
                    Some(stat) if stat.parent != 0 => pid = stat.parent,
                    _ => return false,
                }
            }
            true
        };
        all.values().filter(belongs).copied().collect()
    }
}

#[derive(Clone, Copy, Debug)]
struct Stat {
    pid: u32,
    parent: u32,
    ticks: u64,
}

fn stats() -> impl Iterator<Item = Stat> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.filter_map(|process| {
        let pid = process.file_name().to_str()?.parse().ok()?;
        let text = fs::read_to_string(process.path().join("stat")).ok()?;
        // The name, in brackets, may hold anything.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |i: usize| fields.get(i)?.parse::<u64>().ok();
        let ticks: Option<u64> = (11..15).map(number).sum();
        Some(Stat {
            pid,
            parent: number(1)? as u32,
            ticks: ticks?,
        })
    })
}

/// How many processes ran or wanted to, on average over the last minute: figures of a busy machine
/// are upper bounds.
pub(crate) fn load() -> Result<f64> {
    let text = fs::read_to_string("/proc/loadavg").context("cannot read the load")?;
    let first = text.split_whitespace().next().context("no load")?;
    Ok(first.parse()?)
}
