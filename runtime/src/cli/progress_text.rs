//! The steps of a change to what a fleet runs, as sentences.

use std::io;
use std::path::Path;

use super::difference_text;
use super::out::Out;
use crate::ops::change_progress::{Progress, Spread};

/// Writes steps as they happen. A closed output does not end the operation half done: the error is
/// kept for [`Teller::done`].
pub(super) struct Teller<'a> {
    out: Out<'a>,
    /// The pipeline's file, which commands in the sentences name.
    path: &'a Path,
    written: io::Result<()>,
}

impl<'a> Teller<'a> {
    pub(super) fn new(path: &'a Path, out: Out<'a>) -> Self {
        Self {
            out,
            path,
            written: Ok(()),
        }
    }

    /// Writes one step.
    pub(super) fn tell(&mut self, progress: &Progress) {
        if self.written.is_ok() {
            self.written = step(progress, self.path, &mut *self.out);
        }
    }

    /// Gives the output back, unless a step could not be written.
    pub(super) fn done(self) -> io::Result<Out<'a>> {
        self.written.map(|()| self.out)
    }
}

pub(super) fn step(progress: &Progress, path: &Path, out: Out<'_>) -> io::Result<()> {
    let path = path.display();
    match progress {
        Progress::Staging => writeln!(
            out,
            "staging: every live host loads it and says whether it can run it"
        ),
        Progress::Retired { columns } => writeln!(
            out,
            "no longer written: {}; the table keeps the values that it has",
            columns.join(", ")
        ),
        Progress::Replaced { revision } => {
            writeln!(
                out,
                "revision {revision}, which was staged, is given up for it"
            )
        }
        Progress::Comparing { active, rows } => {
            writeln!(
                out,
                "comparing it with revision {active} on the next {rows} rows"
            )
        }
        Progress::Compared { done, rows } => writeln!(
            out,
            "{done} of {rows} rows so far; it goes on as records arrive, Ctrl-C ends it"
        ),
        Progress::Differs {
            active,
            revision,
            difference,
        } => {
            let heads = [active, revision].map(|n| format!("revision {n}"));
            let text = difference_text::text(difference, &heads[0], &heads[1]);
            writeln!(out, "\n{text}")
        }
        Progress::Activated { revision, before } => writeln!(
            out,
            "revision {revision} is active; {before} was before it, and `gristmill transform \
             rollback {path} NAME` goes back"
        ),
        Progress::Evolved { revision } => writeln!(out, "revision {revision} is active"),
        Progress::CanaryBegun {
            partition,
            revision,
            active,
        } => writeln!(
            out,
            "partition {partition} runs revision {revision} from its next flush on, the others \
             {active}; `gristmill transform promote {path}` makes it active everywhere, `rollback` \
             gives it up"
        ),
        Progress::GivenUp { revision, active } => writeln!(
            out,
            "revision {revision} is given up; revision {active} stays active"
        ),
    }
}

/// How many partitions run a revision by now.
pub(super) fn spread(spread: Spread, path: &Path, out: Out<'_>) -> io::Result<()> {
    let Spread {
        running,
        partitions,
    } = spread;
    write!(out, "{running} of {partitions} partitions run it")?;
    match running < partitions {
        true => writeln!(
            out,
            "; the others follow: see `gristmill transform history {}`",
            path.display()
        ),
        false => writeln!(out),
    }
}

/// That a change changes nothing.
pub(super) fn same(active: i32, out: Out<'_>) -> io::Result<()> {
    writeln!(
        out,
        "nothing to change: this is what revision {active}, the active one, runs"
    )
}
