//! `gristmill transform new`: a small folder to begin with.

use std::path::Path;

use anyhow::Result;
use clap::builder::PossibleValuesParser;

use super::Out;
use crate::authoring::{NewRule, languages};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The rule's name, and the folder's: lower-case words with hyphens
    name: String,
    /// The language that it is written in
    #[arg(
        long,
        default_value = languages::RUST,
        value_parser = PossibleValuesParser::new(languages::names())
    )]
    lang: String,
    /// What it begins as: an enricher adds columns to each row, a join takes them from a dimension,
    /// a normalizer makes rows of events
    #[arg(
        long,
        default_value = languages::TEMPLATES[0],
        value_parser = PossibleValuesParser::new(languages::TEMPLATES)
    )]
    template: String,
}

pub(super) fn run(args: &Args, out: Out<'_>) -> Result<()> {
    let name = &args.name;
    let rule = NewRule {
        name,
        language: &args.lang,
        template: &args.template,
    };
    let source = rule.create(Path::new(""))?;
    writeln!(
        out,
        "{} is the rule, {name}/cases/first.json what it answers

next:
  cd {name}
  gristmill transform test              # build it and run the cases
  gristmill try . --on events.json      # events before and after
  gristmill transform bench             # what a row costs",
        source.display()
    )?;
    Ok(())
}
