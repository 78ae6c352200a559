//! The charts: a bar a contender.

use super::{Results, Spread};
use crate::chart::{Bar, bars};
use crate::contender::Contender;
use crate::measure::Figures;

impl Results {
    /// Files with their SVG.
    pub(super) fn charts(&self) -> [(&'static str, String); 3] {
        [
            (
                "events.svg",
                self.chart(
                    "Events a second, Kafka to Postgres",
                    |c| c.writes(),
                    |f| f.events_per_s,
                    0,
                ),
            ),
            (
                "cpu.svg",
                self.chart(
                    "Microseconds of CPU an event",
                    |c| !c.is_ceiling(),
                    |f| f.cpu_us,
                    1,
                ),
            ),
            (
                "memory.svg",
                self.chart("Memory, MiB", |c| !c.is_ceiling(), |f| f.memory_mib, 0),
            ),
        ]
    }

    fn chart(
        &self,
        title: &str,
        shown: fn(&Contender) -> bool,
        figure: fn(&Figures) -> f64,
        digits: usize,
    ) -> String {
        let shown = self.contenders.iter().filter(|(c, _)| shown(c));
        let bar = |(contender, runs): &(Contender, Vec<_>)| {
            let Spread(_, value, _) = Spread::of(runs, figure)?;
            let wrong = Spread::of(runs, |f| f.wrong_rows as f64).map_or(0.0, |s| s.1);
            let remark = if wrong > 0.0 {
                format!(", {wrong:.0} rows wrong")
            } else {
                String::new()
            };
            Some(Bar {
                label: contender.name().to_owned(),
                value,
                text: format!("{value:.digits$}{remark}"),
                is_ours: *contender == Contender::Gristmill,
            })
        };
        bars(title, &shown.filter_map(bar).collect::<Vec<_>>())
    }
}
