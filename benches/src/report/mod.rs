//! `RESULTS.md` and its charts.

mod charts;
mod end_to_end;
mod machine;

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};

use crate::contender::{Absent, Contender};
use crate::latency::Latency;
use crate::measure::{Figures, Outcome};
use crate::scale;

pub(crate) struct Results {
    pub(crate) events: u64,
    pub(crate) keys: u32,
    pub(crate) rounds: usize,
    /// The machine's load average when the run began.
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
        for (name, svg) in self.charts() {
            write(name, svg)?;
        }
        println!("wrote {}", folder.join("RESULTS.md").display());
        Ok(())
    }

    fn markdown(&self) -> Result<String> {
        let mut text = String::new();
        writeln!(text, "# Results\n")?;
        writeln!(
            text,
            "Written by `make bench` ({} events about {} users, a tenth of them late, two \
             partitions, filled before anybody starts; {} rounds in which the contenders take \
             turns). {}. Load when it began: {:.1}{}.\n",
            self.events,
            self.keys,
            self.rounds,
            machine::describe()?,
            self.load,
            if self.load > 0.5 {
                ", so others worked on this machine, and the figures are lower than they should be"
            } else {
                ""
            }
        )?;
        for name in ["events", "cpu", "memory"] {
            writeln!(text, "![{name}]({name}.svg)\n")?;
        }
        self.end_to_end(&mut text)?;
        self.share_of_the_ceilings(&mut text)?;
        self.against_the_others(&mut text)?;
        if !self.latencies.is_empty() {
            writeln!(
                text,
                "## From produced to visible\n\nEach swap brings a component that no host has \
                 seen. The pause is what a worker does between two batches when it changes its \
                 revision.\n"
            )?;
            writeln!(
                text,
                "| events/s | swaps meanwhile | p50 ms | p99 ms | max ms | changes of revision | \
                 pause p50 ms | pause max ms |\n|---|---|---|---|---|---|---|---|"
            )?;
            for l in &self.latencies {
                writeln!(
                    text,
                    "| {} | {} | {:.1} | {:.1} | {:.1} | {} |",
                    l.rate,
                    l.swaps,
                    l.p50_ms,
                    l.p99_ms,
                    l.max_ms,
                    pauses(&l.pauses_ms)
                )?;
            }
            writeln!(text)?;
        }
        if !self.scale.is_empty() {
            writeln!(text, "## At scale\n")?;
            writeln!(
                text,
                "Gristmill alone, one run each. Events have {} bytes and are about {} users in \
                 two partitions, unless a table says otherwise.\n",
                scale::EVENT_BYTES,
                scale::KEYS
            )?;
            for table in &self.scale {
                writeln!(text, "{}", table.markdown()?)?;
            }
        }
        Ok(text)
    }
}

/// How many, the middle and the longest, as cells.
fn pauses(ms: &[f64]) -> String {
    match (ms.get(ms.len() / 2), ms.last()) {
        (Some(middle), Some(longest)) => format!("{} | {middle:.2} | {longest:.2}", ms.len()),
        _ => "0 | – | –".to_owned(),
    }
}
