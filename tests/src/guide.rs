//! The guide's commands, as a script: what `docs/writing-transforms.md` tells people to write and run.

use anyhow::{Result, bail};

use crate::program::repository;

/// A fenced block of the guide.
struct Block {
    /// What stands behind the fence: `sh author`, `rust file=src/lib.rs`.
    about: String,
    text: String,
}

/// What commands need: nothing but a toolchain, servers, or a pipeline that runs.
const KINDS: [&str; 3] = ["author", "servers", "swap"];

/// A script for bash: the guide's files and its commands of `kinds`, in their order. An error where a command is of no kind, so that none goes without a test.
pub fn script(kinds: &[&str]) -> Result<String> {
    let mut script = "set -euo pipefail\n".to_owned();
    for Block { about, text } in blocks()? {
        if let Some((_, file)) = about.split_once(" file=") {
            script += &format!("cat > {file} <<'END OF FILE'\n{text}END OF FILE\n");
            continue;
        }
        let kind = about.strip_prefix("sh ").unwrap_or_default();
        if kinds.contains(&kind) {
            script += &text;
        } else if !KINDS.contains(&kind) {
            bail!("docs/writing-transforms.md: nobody runs the block ```{about}");
        }
    }
    Ok(script)
}

fn blocks() -> Result<Vec<Block>> {
    let text = std::fs::read_to_string(repository().join("docs/writing-transforms.md"))?;
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for line in text.lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(about), None) => {
                let (about, text) = (about.to_owned(), String::new());
                open = Some(Block { about, text });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => {
                block.text += line;
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    Ok(blocks)
}
