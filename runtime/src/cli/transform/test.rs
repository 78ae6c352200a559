//! `gristmill transform test`: golden cases, and whether the rule is pure.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use gristmill_core::transform::Fault;
use serde_json::{Value, json};

use crate::authoring::golden::{self, Answered, Case, Difference, Expected};
use crate::authoring::{RuleCrate, input};
use crate::cli::table;
use gristmill_core::rows;
use gristmill_sandbox::Component;
use gristmill_sandbox::purity;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The rule's folder
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Write what the rule answers into the cases, as what they expect
    #[arg(long)]
    update: bool,
}

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    let rule = RuleCrate::open(&args.dir)?;
    let folder = rule.cases();
    let cases = golden::cases(&folder)?;
    let component = rule.build(&crate::cli::sandbox()?)?.component;
    let dimensions = input::csv_files(&folder.join("dimensions"));
    let mut wrong = 0;
    for (path, case) in &cases {
        let name = path.strip_prefix(rule.dir()).unwrap_or(path).display();
        let answered = golden::run(&component, case, &dimensions);
        let verdict = answered.and_then(|answered| match args.update {
            true => update(path, case, &answered),
            false => Ok(compare(case, &answered)),
        });
        match verdict.unwrap_or_else(|error: anyhow::Error| Verdict::Wrong(format!("  {error:#}")))
        {
            Verdict::Good(word) => println!("{word:<8} {name}"),
            Verdict::Wrong(why) => {
                wrong += 1;
                println!("{:<8} {name}: {}\n{why}\n", "WRONG", case.about);
            }
        }
    }
    let configs = distinct_configs(cases.values());
    for config in &configs {
        if let Err(error) = odd_rows(&component, config) {
            wrong += 1;
            println!(
                "{:<8} rows that nobody wrote, config {config}\n  {error:#}\n",
                "WRONG"
            );
        }
    }
    match wrong {
        0 => Ok(ExitCode::SUCCESS),
        _ => {
            println!(
                "{wrong} wrong: mend the rule, or, where it is right and a case is not, run \
                 `gristmill transform test --update`"
            );
            Ok(ExitCode::FAILURE)
        }
    }
}

enum Verdict {
    /// In one word.
    Good(&'static str),
    /// Lines for the author.
    Wrong(String),
}

fn compare(case: &Case, answered: &Answered) -> Verdict {
    let nothing = Expected::default();
    let expected = case.expect.as_ref().unwrap_or(&nothing);
    let differences = golden::differences(expected, answered, case.input.len());
    match differences.as_slice() {
        [] if case.expect.is_some() => Verdict::Good("ok"),
        [] => Verdict::Wrong("  the case has no `expect`, and the rule answers nothing".to_owned()),
        some => Verdict::Wrong(listed(some)),
    }
}

fn listed(differences: &[Difference]) -> String {
    let mut lines = table::borderless();
    lines.add_row(["  row", "column", "expected", "got"]);
    for Difference {
        row,
        column,
        expected,
        got,
    } in differences
    {
        let row = row.map_or("  all".to_owned(), |row| format!("  {row}"));
        lines.add_row([&row, column, expected, got]);
    }
    table::text(lines)
}

fn update(path: &Path, case: &Case, answered: &Answered) -> Result<Verdict> {
    if let Some(failure) = answered.failures.first() {
        bail!(
            "row {} fails, which no case can expect: {}",
            failure.row,
            failure.fault
        );
    }
    if case.expect.as_ref() == Some(&answered.answer) {
        return Ok(Verdict::Good("ok"));
    }
    let context = || path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(context)?;
    let updated = golden::updated(&text, &answered.answer);
    std::fs::write(path, updated).with_context(context)?;
    Ok(Verdict::Good("written"))
}

fn distinct_configs<'a>(cases: impl Iterator<Item = &'a Case>) -> Vec<&'a Value> {
    let mut configs: Vec<&Value> = Vec::new();
    for case in cases {
        if !configs.contains(&&case.config) {
            configs.push(&case.config);
        }
    }
    configs
}

/// What staging does, too: nulls, absent and odd values of each type. A row that runs out of
/// something there would be a dead letter, and that is only told; a panic is a mistake, as a rule
/// that does not want a row rejects it.
fn odd_rows(component: &Component, config: &Value) -> Result<()> {
    let (sample, checked) = purity::check_sample(component, config)?;
    if let Some(failure) = checked.failures.first() {
        let row = rows::read(&sample.fields, &sample.columns, sample.rows);
        let row = row.get(failure.row).cloned().unwrap_or(json!({}));
        if let Fault::Trapped(_) = failure.fault {
            bail!(
                "it fails on {} of {} odd rows, such as {row}: {}; such a row would be a dead \
                 letter without a code: have an answer for it, or reject it",
                checked.failures.len(),
                sample.rows,
                failure.fault
            );
        }
        println!(
            "note: {} of {} odd rows would be dead letters, such as {row}: {}",
            checked.failures.len(),
            sample.rows,
            failure.fault
        );
    }
    Ok(())
}
