//! The commands that people are told to run, as scripts: those of the guide
//! `docs/writing-transforms.md`, and README's about rules.

use anyhow::{Context, Result, bail};

use crate::program::repository;

/// A fenced block of the guide.
struct Block {
    /// What stands behind the fence: `sh author`, `rust file=src/lib.rs`.
    about: String,
    text: String,
}

/// The guide, taken apart.
struct Guide {
    blocks: Vec<Block>,
    /// What stands outside of them.
    prose: String,
}

/// What commands need: nothing but a toolchain, servers, or a pipeline that runs.
const KINDS: [&str; 3] = ["author", "servers", "swap"];

/// What some command prints.
const OUTPUT: &str = "text";

/// How a script begins: the first command that fails ends it.
const STRICT: &str = "set -euo pipefail\n";

/// A script for bash: the guide's files and its commands of `kinds`, in their order. An error where
/// a block is of no kind, so that none goes without a test.
pub fn script(kinds: &[&str]) -> Result<String> {
    let mut script = STRICT.to_owned();
    for Block { about, text } in Guide::read()?.blocks {
        if let Some((_, file)) = about.split_once(" file=") {
            script += &format!("cat > {file} <<'END OF FILE'\n{text}END OF FILE\n");
            continue;
        }
        let kind = about.strip_prefix("sh ").unwrap_or_default();
        if kinds.contains(&kind) {
            script += &text;
        } else if about != OUTPUT && !KINDS.contains(&kind) {
            bail!("docs/writing-transforms.md: nobody runs the block ```{about}");
        }
    }
    Ok(script)
}

/// What the guide shows that its commands print.
pub fn outputs() -> Result<Vec<String>> {
    let blocks = Guide::read()?.blocks.into_iter();
    Ok(blocks
        .filter(|b| b.about == OUTPUT)
        .map(|b| b.text)
        .collect())
}

/// The guide's commands that no script has: its words about a command are those of a line that is
/// run, in their order, with none that is not there.
pub fn unrun() -> Result<Vec<String>> {
    let Guide { blocks, prose } = Guide::read()?;
    let commands = blocks.iter().filter(|b| b.about.starts_with("sh "));
    let run: Vec<Vec<&str>> = commands
        .flat_map(|b| b.text.lines().map(|line| line.split_whitespace().collect()))
        .collect();
    let indented = prose.lines().filter_map(|line| line.strip_prefix("    "));
    let spans = prose.split('`').skip(1).step_by(2);
    let told = indented.chain(spans).map(str::trim);
    let is_run = |told: &str| {
        run.iter().any(|line| {
            let mut words = line.iter();
            told.split_whitespace()
                .all(|word| words.any(|w| *w == word))
        })
    };
    let told = told.filter(|text| text.starts_with("gristmill "));
    Ok(told
        .filter(|text| !is_run(text))
        .map(str::to_owned)
        .collect())
}

/// A script for bash: the lines with which README shows how a rule is written.
pub fn readme() -> Result<String> {
    let text = std::fs::read_to_string(repository().join("README.md"))?;
    let section = text
        .split_once("\n## Write a rule\n")
        .context("README has no such section")?
        .1;
    let lines = section.lines().skip_while(|line| line.is_empty());
    let lines: Vec<&str> = lines.map_while(|line| line.strip_prefix("    ")).collect();
    Ok(format!("{STRICT}{}\n", lines.join("\n")))
}

impl Guide {
    fn read() -> Result<Self> {
        let text = std::fs::read_to_string(repository().join("docs/writing-transforms.md"))?;
        let mut guide = Self {
            blocks: Vec::new(),
            prose: String::new(),
        };
        let mut open: Option<Block> = None;
        for line in text.lines() {
            match (line.strip_prefix("```"), &mut open) {
                (Some(about), None) => {
                    let (about, text) = (about.to_owned(), String::new());
                    open = Some(Block { about, text });
                }
                (Some(_), Some(_)) => guide.blocks.extend(open.take()),
                (None, Some(block)) => block.text += &format!("{line}\n"),
                (None, None) => guide.prose += &format!("{line}\n"),
            }
        }
        Ok(guide)
    }
}
