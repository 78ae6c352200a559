//! What each contender did with the same million events.

use std::fmt::Write;

use anyhow::Result;

use super::{Results, Spread};
use crate::contender::Contender;
use crate::measure::{Figures, Outcome};

/// The share of the events a second that the ceiling reaches.
const SHARE_AIM: f64 = 0.8;

fn all_cpu_us(f: &Figures) -> f64 {
    f.cpu_us + f.postgres_cpu_us + f.kafka_cpu_us
}

fn cores() -> Result<f64> {
    Ok(std::thread::available_parallelism()?.get() as f64)
}

impl Results {
    pub(super) fn end_to_end(&self, text: &mut String) -> Result<()> {
        writeln!(text, "## End to end\n")?;
        writeln!(
            text,
            "Median and, in brackets, the range. Events a second count from the first row in the \
             table to the last; CPU is of all processes of the contender, start-up included; \
             memory is the sum of their highest resident sizes. A row is wrong when it is \
             missing, should not be, or differs from the oracle's in any column.\n"
        )?;
        writeln!(
            text,
            "| | events/s | first row, s | all, s | CPU us/event | Postgres us/event | Kafka \
             us/event | memory MiB | rows wrong |\n|---|---|---|---|---|---|---|---|---|"
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

    /// What gristmill reaches of the ceilings, and what it may take of the processors to reach
    /// [`SHARE_AIM`] of the one that writes.
    pub(super) fn share_of_the_ceilings(&self, text: &mut String) -> Result<()> {
        let of = |contender, figure| self.median(&contender, figure);
        let events: fn(&Figures) -> f64 = |f| f.events_per_s;
        let (Some(ours), Some(write), Some(read)) = (
            of(Contender::Gristmill, events),
            of(Contender::WriteCeiling, events),
            of(Contender::ReadCeiling, events),
        ) else {
            return Ok(());
        };
        let postgres: fn(&Figures) -> f64 = |f| f.postgres_cpu_us;
        let (Some(own), Some(postgres), Some(kafka), Some(ceiling), Some(all)) = (
            of(Contender::Gristmill, |f| f.cpu_us),
            of(Contender::Gristmill, postgres),
            of(Contender::Gristmill, |f| f.kafka_cpu_us),
            // It has read the topic before.
            of(Contender::WriteCeiling, |f| f.cpu_us + f.postgres_cpu_us),
            of(Contender::Gristmill, all_cpu_us),
        ) else {
            return Ok(());
        };
        let cores = cores()?;
        let busy = |events_per_s: f64, us: f64| 100.0 * events_per_s * us / 1e6 / cores;
        let budget = ceiling / SHARE_AIM;
        writeln!(text, "### The share of the ceilings\n")?;
        writeln!(
            text,
            "Gristmill reaches {:.2} of what this PostgreSQL takes from a client that only writes \
             finished rows, and {:.2} of what this Kafka gives to one that only counts. All of \
             them share {cores:.0} cores. At the ceiling PostgreSQL and the client take \
             {ceiling:.1} us of CPU an event, which is {:.0} % of the cores; {:.0} % of its \
             events a second leave {budget:.1} us. When gristmill runs PostgreSQL takes \
             {postgres:.1} and Kafka {kafka:.1}, so {:.1} would be left to it, and it takes \
             {own:.1}, start-up included ({:.0} % of the cores, all three).\n",
            ours / write,
            ours / read,
            busy(write, ceiling),
            100.0 * SHARE_AIM,
            budget - postgres - kafka,
            busy(ours, all),
        )?;
        Ok(())
    }

    fn median(&self, contender: &Contender, figure: fn(&Figures) -> f64) -> Option<f64> {
        let (_, runs) = self.contenders.iter().find(|(c, _)| c == contender)?;
        Spread::of(runs, figure).map(|spread| spread.1)
    }

    /// Gristmill's figures divided by each other contender's, and what the processors allow each.
    pub(super) fn against_the_others(&self, text: &mut String) -> Result<()> {
        let of = |runs: &[Outcome], figure: fn(&Figures) -> f64| {
            Spread::of(runs, figure).map(|spread| spread.1)
        };
        let ours = self
            .contenders
            .iter()
            .find(|(c, _)| *c == Contender::Gristmill);
        let Some((_, ours)) = ours.filter(|(_, runs)| of(runs, |f| f.cpu_us).is_some()) else {
            return Ok(());
        };
        writeln!(text, "### Gristmill's figure divided by\n")?;
        writeln!(
            text,
            "The last column is what all cores together allow, with the CPU of the contender, of \
             PostgreSQL and of Kafka.\n"
        )?;
        writeln!(
            text,
            "| | events/s | CPU an event | memory | all three us/event | at most events/s \
             |\n|---|---|---|---|---|---|"
        )?;
        let cores = cores()?;
        let writers = self.contenders.iter().filter(|(c, _)| c.writes());
        for (contender, theirs) in writers {
            let ratio = |figure: fn(&Figures) -> f64, digits: usize| {
                let ratio = of(ours, figure).zip(of(theirs, figure)).map(|(a, b)| a / b);
                ratio.map_or("–".to_owned(), |r| format!("{r:.digits$}"))
            };
            let Some(all) = of(theirs, all_cpu_us) else {
                continue;
            };
            // A ceiling does a part of the work, after what needs memory.
            let whole = |cell: String| match contender.is_ceiling() {
                true => "–".to_owned(),
                false => cell,
            };
            writeln!(
                text,
                "| {} | {} | {} | {} | {all:.1} | {:.0} |",
                contender.name(),
                ratio(|f| f.events_per_s, 2),
                whole(ratio(|f| f.cpu_us, 3)),
                whole(ratio(|f| f.memory_mib, 3)),
                cores * 1e6 / all
            )?;
        }
        writeln!(text)?;
        Ok(())
    }
}
