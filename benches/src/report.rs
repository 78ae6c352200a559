//! `RESULTS.md` and its charts.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use gristmill_tests::process::output;

use crate::chart::{Bar, bars};
use crate::contender::{Absent, Contender};
use crate::latency::Latency;
use crate::measure::{Figures, Outcome};
use crate::scale;

pub(crate) struct Results {
    pub(crate) events: u64,
    pub(crate) keys: u32,
    pub(crate) rounds: usize,
    /// Of the machine when it began.
    pub(crate) load: f64,
    pub(crate) contenders: Vec<(Contender, Vec<Outcome>)>,
    pub(crate) absent: Absent,
    pub(crate) latencies: Vec<Latency>,
    pub(crate) scale: Vec<scale::Table>,
}

/// The lowest, the middle and the highest of a figure.
struct Spread(f64, f64, f64);

impl Spread {
    fn of(runs: &[Outcome], figure: impl Fn(&Figures) -> f64) -> Option<Self> {
        let mut figures: Vec<f64> = runs
            .iter()
            .filter_map(|run| match run {
                Outcome::Done(figures) => Some(figure(figures)),
                Outcome::Unfinished(_) => None,
            })
            .collect();
        figures.sort_by(f64::total_cmp);
        let (low, high) = (*figures.first()?, *figures.last()?);
        Some(Self(low, figures[figures.len() / 2], high))
    }

    fn text(&self, digits: usize) -> String {
        let Self(low, middle, high) = self;
        if low == high {
            return format!("{middle:.digits$}");
        }
        format!("**{middle:.digits$}** ({low:.digits$}–{high:.digits$})")
    }
}

impl Results {
    /// Writes `RESULTS.md` and `events.svg` into a folder.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder)?;
        let write = |name: &str, text: String| {
            let path = folder.join(name);
            std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
        };
        write("RESULTS.md", self.markdown()?)?;
        write("events.svg", self.chart())?;
        println!("wrote {}", folder.join("RESULTS.md").display());
        Ok(())
    }

    fn markdown(&self) -> Result<String> {
        let mut text = String::new();
        writeln!(text, "# Results\n")?;
        writeln!(
            text,
            "Written by `make bench` ({} events about {} users, a tenth of them late, two partitions, filled before anybody starts; {} rounds in which the contenders take turns). \
             {}. Load when it began: {:.1}{}.\n",
            self.events,
            self.keys,
            self.rounds,
            machine()?,
            self.load,
            if self.load > 0.5 {
                ", so others worked on this machine, and the figures are lower than they should be"
            } else {
                ""
            }
        )?;
        writeln!(text, "![events a second](events.svg)\n")?;
        self.end_to_end(&mut text)?;
        self.shares(&mut text)?;
        if !self.latencies.is_empty() {
            writeln!(text, "## From produced to visible\n")?;
            writeln!(
                text,
                "| events/s | swaps meanwhile | p50 ms | p99 ms | max ms |\n|---|---|---|---|---|"
            )?;
            for l in &self.latencies {
                writeln!(
                    text,
                    "| {} | {} | {:.1} | {:.1} | {:.1} |",
                    l.rate, l.swaps, l.p50_ms, l.p99_ms, l.max_ms
                )?;
            }
            writeln!(text)?;
        }
        if !self.scale.is_empty() {
            writeln!(text, "## At scale\n")?;
            writeln!(
                text,
                "Gristmill alone, one run each. Events have {} bytes and are about {} users in two partitions, unless a table says otherwise.\n",
                scale::EVENT_BYTES,
                scale::KEYS
            )?;
            for table in &self.scale {
                writeln!(text, "{}", table.markdown()?)?;
            }
        }
        Ok(text)
    }

    fn end_to_end(&self, text: &mut String) -> Result<()> {
        writeln!(text, "## End to end\n")?;
        writeln!(
            text,
            "Median and, in brackets, the range. Events a second count from the first row in the table to the last; CPU is of all processes of the contender, start-up included; \
             memory is the sum of their highest resident sizes. A row is wrong when it is missing, should not be, or differs from the oracle's in any column.\n"
        )?;
        writeln!(
            text,
            "| | events/s | first row, s | all, s | CPU us/event | Postgres us/event | Kafka us/event | memory MiB | rows wrong |\n|---|---|---|---|---|---|---|---|---|"
        )?;
        for (contender, runs) in &self.contenders {
            let cell = |figure: fn(&Figures) -> f64, digits| {
                Spread::of(runs, figure).map_or("–".to_owned(), |s| s.text(digits))
            };
            // It prepares its work before the part that counts.
            let unless_ceiling = |cell: String| {
                if contender.is_ceiling() {
                    "–".to_owned()
                } else {
                    cell
                }
            };
            writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
                contender.name(),
                cell(|f| f.events_per_s, 0),
                unless_ceiling(cell(|f| f.first_row_s, 1)),
                cell(|f| f.total_s, 1),
                cell(|f| f.cpu_us, 1),
                cell(|f| f.postgres_cpu_us, 1),
                cell(|f| f.kafka_cpu_us, 1),
                unless_ceiling(cell(|f| f.memory_mib, 0)),
                if contender.writes() {
                    cell(|f| f.wrong_rows as f64, 0)
                } else {
                    "–".to_owned()
                }
            )?;
        }
        writeln!(text)?;
        for (contender, runs) in &self.contenders {
            writeln!(text, "- **{}**: {}", contender.name(), contender.about())?;
            for run in runs {
                if let Outcome::Unfinished(why) = run {
                    writeln!(
                        text,
                        "  - no figures: {}",
                        why.lines().next().unwrap_or_default()
                    )?;
                }
            }
        }
        for (name, why) in &self.absent {
            writeln!(
                text,
                "- **{name}**: not to be had here: {}",
                why.lines().last().unwrap_or_default()
            )?;
        }
        writeln!(text)?;
        Ok(())
    }

    /// What gristmill reaches of each other contender's events a second, and what the processors allow each.
    fn shares(&self, text: &mut String) -> Result<()> {
        let middle =
            |runs: &[Outcome], figure: fn(&Figures) -> f64| Some(Spread::of(runs, figure)?.1);
        let ours = self
            .contenders
            .iter()
            .find(|(c, _)| *c == Contender::Gristmill);
        let Some(ours) = ours.and_then(|(_, runs)| middle(runs, |f| f.events_per_s)) else {
            return Ok(());
        };
        let cores = std::thread::available_parallelism()?.get() as f64;
        for (contender, runs) in self.contenders.iter().filter(|(c, _)| c.writes()) {
            let all = middle(runs, |f| f.cpu_us + f.postgres_cpu_us + f.kafka_cpu_us);
            let (Some(theirs), Some(all)) = (middle(runs, |f| f.events_per_s), all) else {
                continue;
            };
            let name = contender.name();
            if *contender != Contender::Gristmill {
                writeln!(
                    text,
                    "- gristmill's events/s are {:.2} times those of {name}",
                    ours / theirs
                )?;
            }
            writeln!(
                text,
                "- {name} and its servers use {all:.1} us of CPU an event together: {cores} cores cannot do more than {:.0} events/s",
                cores * 1e6 / all
            )?;
        }
        writeln!(text)?;
        Ok(())
    }

    fn chart(&self) -> String {
        let bar = |(contender, runs): &(Contender, Vec<Outcome>)| {
            let Spread(_, value, _) = Spread::of(runs, |f| f.events_per_s)?;
            let wrong = Spread::of(runs, |f| f.wrong_rows as f64).map_or(0.0, |s| s.1);
            let remark = if wrong > 0.0 {
                format!(", {wrong:.0} rows wrong")
            } else {
                String::new()
            };
            Some(Bar {
                label: contender.name().to_owned(),
                value,
                text: format!("{value:.0}{remark}"),
                is_ours: *contender == Contender::Gristmill,
            })
        };
        // A reader is off the scale of all others.
        let shown = self.contenders.iter().filter(|(c, _)| c.writes());
        bars(
            "Events a second, Kafka to Postgres",
            &shown.filter_map(bar).collect::<Vec<_>>(),
        )
    }
}

/// Processor, memory, and the versions of what was used.
fn machine() -> Result<String> {
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
