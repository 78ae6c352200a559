//! `gristmill transform test`: golden cases, and whether the rule is pure.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

use super::{Out, table};
use crate::authoring::golden::{self, Mismatch, OddRows, Verdict};
use crate::authoring::{RuleCrate, input};
use crate::definition::host_sandbox;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The rule's folder
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Write what the rule answers into the cases, as what they expect
    #[arg(long)]
    update: bool,
}

pub(super) fn run(args: &Args, out: Out<'_>) -> Result<ExitCode> {
    let rule = RuleCrate::open(&args.dir)?;
    let folder = rule.cases();
    let cases = golden::cases(&folder)?;
    let component = rule.build(&host_sandbox::open()?)?.component;
    let dimensions = input::csv_files(&folder.join("dimensions"));
    let mut wrong = 0;
    for (path, case) in &cases {
        let name = path.strip_prefix(rule.dir()).unwrap_or(path).display();
        let verdict = match args.update {
            true => golden::update(&component, path, case, &dimensions),
            false => golden::check(&component, case, &dimensions),
        };
        wrong += u32::from(verdict.is_wrong());
        render(&name.to_string(), &case.about, &verdict, out)?;
    }
    for config in golden::distinct_configs(cases.values()) {
        match golden::odd_rows(&component, config) {
            Ok(None) => {}
            Ok(Some(odd)) => note(&odd, out)?,
            Err(error) => {
                wrong += 1;
                let what = format!("rows that nobody wrote, config {config}");
                writeln!(out, "{:<8} {what}\n  {error:#}\n", "WRONG")?;
            }
        }
    }
    if wrong == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(
        out,
        "{wrong} wrong: mend the rule, or, where it is right and a case is not, run \
         `gristmill transform test --update`"
    )?;
    Ok(ExitCode::FAILURE)
}

/// A line for a case that is well, more for one that is not.
pub(crate) fn render(name: &str, about: &str, verdict: &Verdict, out: Out<'_>) -> io::Result<()> {
    let why = match verdict {
        Verdict::Ok => return writeln!(out, "{:<8} {name}", "ok"),
        Verdict::Written => return writeln!(out, "{:<8} {name}", "written"),
        Verdict::NothingExpected => {
            "  the case has no `expect`, and the rule answers nothing".to_owned()
        }
        Verdict::Failed { why } => format!("  {why}"),
        Verdict::Differs { mismatches } => listed(mismatches),
    };
    writeln!(out, "{:<8} {name}: {about}\n{why}\n", "WRONG")
}

fn note(odd: &OddRows, out: Out<'_>) -> io::Result<()> {
    writeln!(
        out,
        "note: {} of {} odd rows would be dead letters, such as {}: {}",
        odd.failed, odd.tried, odd.example, odd.why
    )
}

fn listed(mismatches: &[Mismatch]) -> String {
    let mut lines = table::borderless();
    lines.add_row(["  row", "column", "expected", "got"]);
    for Mismatch {
        row,
        column,
        expected,
        got,
    } in mismatches
    {
        let row = row.map_or("  all".to_owned(), |row| format!("  {row}"));
        lines.add_row([&row, column, expected, got]);
    }
    table::text(lines)
}
