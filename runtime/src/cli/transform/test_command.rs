//! `gristmill transform test`: golden cases, and whether the rule is pure.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use gristmill_core::transform::Transform as _;
use gristmill_core::visible::visible;
use gristmill_sandbox::{Component, HeardLine};
use serde_json::Value;

use super::{Out, table};
use crate::authoring::golden::{self, Mismatch, OddRows, Verdict};
use crate::authoring::input;
use crate::cli::rule_argument::RuleArgument;
use crate::definition::host_sandbox;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    rule: RuleArgument,
    /// Write what the rule answers into the cases, as what they expect
    #[arg(long)]
    update: bool,
}

pub(super) fn run(args: &Args, out: Out<'_>) -> Result<ExitCode> {
    let rule = args.rule.subject()?;
    let folder = rule
        .cases()
        .context("a component alone has no cases: say where they are, --cases DIR")?;
    let cases = golden::cases(folder, &rule.config_or_none())?;
    let (sandbox, heard) = host_sandbox::open()?.listening();
    let component = rule.load(&sandbox)?;
    let dimensions = input::csv_files(&folder.join("dimensions"));
    let mut wrong = 0;
    for (path, case) in &cases {
        let name = path.strip_prefix(folder.parent().unwrap_or(Path::new("")));
        let name = name.unwrap_or(path).display();
        let verdict = match args.update {
            true => golden::update(&component, path, case, &dimensions),
            false => golden::check(&component, case, &dimensions),
        };
        wrong += u32::from(verdict.is_wrong());
        let log = match verdict.is_wrong() {
            true => golden::said(&component, case, &dimensions, &heard),
            false => Vec::new(),
        };
        render(&name.to_string(), &case.about, &verdict, &log, out)?;
    }
    let configs = golden::distinct_configs(rule.config(), cases.values());
    wrong += try_odd_rows(&component, &configs, out)?;
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

/// Runs rows that nobody wrote, with each config, and returns with how many the rule has no answer
/// for them.
fn try_odd_rows(component: &Component, configs: &[&Value], out: Out<'_>) -> Result<u32> {
    let mut wrong = 0;
    let mut joins = BTreeSet::new();
    for config in configs {
        // That it does not open is told below.
        let opened = component.open(config).ok();
        joins.extend(
            opened
                .iter()
                .flat_map(|opened| input::typed_joins(opened.plan())),
        );
        match golden::odd_rows(component, config) {
            Ok(None) => {}
            Ok(Some(odd)) => note(&odd, out)?,
            Err(error) => {
                wrong += 1;
                let what = format!("rows that nobody wrote, config {config}");
                writeln!(out, "{:<8} {what}\n  {error:#}\n", "WRONG")?;
            }
        }
    }
    for said in joins {
        writeln!(out, "note: {said}")?;
    }
    Ok(wrong)
}

/// A line for a case that is well, more for one that is not.
pub(crate) fn render(
    name: &str,
    about: &str,
    verdict: &Verdict,
    log: &[HeardLine],
    out: Out<'_>,
) -> io::Result<()> {
    let why = match verdict {
        Verdict::Ok => return writeln!(out, "{:<8} {name}", "ok"),
        Verdict::Written => return writeln!(out, "{:<8} {name}", "written"),
        Verdict::NothingExpected => {
            "  the case has no `expect`, and the rule answers nothing".to_owned()
        }
        Verdict::Failed { why } => format!("  {why}"),
        Verdict::Differs { mismatches } => listed(mismatches),
    };
    // A panic is logged, and told already.
    let untold = log.iter().filter(|line| !why.contains(&line.message));
    let said = untold.map(|l| format!("\n  log ({}): {}", l.level, visible(&l.message)));
    let why: String = std::iter::once(why.clone()).chain(said).collect();
    let colon = if about.is_empty() { "" } else { ": " };
    writeln!(out, "{:<8} {name}{colon}{about}\n{why}\n", "WRONG")
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
