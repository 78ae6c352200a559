//! The commands of the documents, as scripts.
//!
//! A guide is README, or a page of `docs/start` or `docs/guides`. A fenced block of commands in it
//! says what it needs (`sh author`, `sh servers`, `sh running`, `sh other`), a block
//! `LANGUAGE file=NAME` is a file of the guide, and a block `text` is what the commands print.

use anyhow::{Context, Result, ensure};

use crate::program::repository;

/// Where the guides are.
const FOLDERS: [&str; 2] = ["docs/start", "docs/guides"];

/// How a script begins: the first command that fails ends it.
const STRICT: &str = "set -euo pipefail\n";

/// What a guide's commands need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// A toolchain for rules.
    Author,
    /// Kafka and Postgres. The last command leaves a pipeline running.
    Servers,
    /// What the blocks before have left running.
    Running,
    /// Another program, or `make`: no test runs these.
    Other,
}

/// What a fenced block is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Block {
    Commands(Needs, String),
    File(String, String),
    /// What commands print.
    Output(String),
    /// Something to read, with what its fence says.
    Sample(String, String),
}

/// A guide, taken apart.
#[derive(Debug)]
pub struct Guide {
    name: String,
    blocks: Vec<Block>,
    /// What is outside of the blocks.
    prose: String,
}

/// All guides. An error where a block of one is of no kind, so that none goes without a test.
pub fn all() -> Result<Vec<Guide>> {
    let mut names = vec!["README.md".to_owned()];
    for folder in FOLDERS {
        for entry in std::fs::read_dir(repository().join(folder))? {
            names.push(format!("{folder}/{}", entry?.file_name().display()));
        }
    }
    names.sort();
    names.iter().map(|name| Guide::read(name)).collect()
}

/// The commands that some guide names and that no test runs. What is named may leave words of the
/// line that is run out, and have none that is not there.
pub fn unrun() -> Result<Vec<String>> {
    let guides = all()?;
    let run: Vec<String> = guides.iter().flat_map(Guide::lines).collect();
    let run: Vec<Vec<&str>> = run
        .iter()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let is_run = |named: &str| {
        run.iter().any(|line| {
            let mut words = line.iter();
            let mut named = named.split_whitespace();
            named.all(|word| words.any(|w| *w == word))
        })
    };
    let mut unrun = Vec::new();
    for guide in &guides {
        for named in guide.named().filter(|named| !is_run(named)) {
            unrun.push(format!("{}: {named}", guide.name));
        }
    }
    Ok(unrun)
}

impl Guide {
    /// Reads the guide at `name`, a path in the repository.
    pub fn read(name: &str) -> Result<Self> {
        let text = std::fs::read_to_string(repository().join(name)).context(name.to_owned())?;
        let mut guide = Self {
            name: name.to_owned(),
            blocks: Vec::new(),
            prose: String::new(),
        };
        let mut open: Option<(String, String)> = None;
        for line in text.lines() {
            match (line.strip_prefix("```"), &mut open) {
                (Some(about), None) => open = Some((about.to_owned(), String::new())),
                (Some(_), Some(_)) => {
                    let (about, text) = open.take().unwrap_or_default();
                    let block = Block::new(&about, text);
                    guide
                        .blocks
                        .push(block.with_context(|| format!("{name}: ```{about}"))?);
                }
                (None, Some((_, text))) => *text += &format!("{line}\n"),
                (None, None) => guide.prose += &format!("{line}\n"),
            }
        }
        let indented = guide
            .prose
            .lines()
            .find(|line| line.starts_with("    gristmill "));
        ensure!(
            indented.is_none(),
            "{name}: commands in no block: {indented:?}"
        );
        Ok(guide)
    }

    /// A script for bash: the guide's files, and those of its commands that need one of `needs`, in
    /// their order.
    pub fn script(&self, needs: &[Needs]) -> String {
        let mut script = STRICT.to_owned();
        for block in &self.blocks {
            match block {
                Block::Commands(need, text) if needs.contains(need) => script += text,
                Block::File(name, text) => {
                    script += &format!("mkdir -p \"$(dirname {name})\"\n");
                    script += &format!("cat > {name} <<'END OF FILE'\n{text}END OF FILE\n");
                }
                _ => {}
            }
        }
        script
    }

    /// What the guide shows that its commands print.
    pub fn outputs(&self) -> impl Iterator<Item = &str> {
        self.blocks.iter().filter_map(|block| match block {
            Block::Output(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// The text of the block whose fence says `about`, which no command has to do with.
    pub fn sample(&self, about: &str) -> Result<&str> {
        let texts = self.blocks.iter().find_map(|block| match block {
            Block::Sample(known, text) if known == about => Some(text.as_str()),
            _ => None,
        });
        texts.with_context(|| format!("{}: there is no block {about}", self.name))
    }

    /// The lines of its commands that a test runs, those that go on behind a backslash in one.
    fn lines(&self) -> impl Iterator<Item = String> {
        let commands = self.blocks.iter().filter_map(|block| match block {
            Block::Commands(Needs::Other, _) => None,
            Block::Commands(_, text) => Some(text.replace("\\\n", " ")),
            _ => None,
        });
        let lines = commands.map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>());
        lines.flatten()
    }

    /// The commands that its prose names.
    fn named(&self) -> impl Iterator<Item = &str> {
        let spans = self.prose.split('`').skip(1).step_by(2).map(str::trim);
        let is_command = |span: &&str| {
            let verb = span.strip_prefix("gristmill ");
            verb.is_some_and(|verb| verb.starts_with(|c: char| c.is_ascii_lowercase()))
        };
        spans.filter(is_command)
    }
}

impl Block {
    fn new(about: &str, text: String) -> Result<Self> {
        let (language, rest) = about.split_once(' ').unwrap_or((about, ""));
        if let Some(file) = rest.strip_prefix("file=") {
            return Ok(Self::File(file.to_owned(), text));
        }
        let needs = match (language, rest) {
            ("sh", "author") => Needs::Author,
            ("sh", "servers") => Needs::Servers,
            ("sh", "running") => Needs::Running,
            ("sh", "other") => Needs::Other,
            ("text", "") => return Ok(Self::Output(text)),
            ("text" | "toml" | "rust" | "json" | "ini", _) => {
                return Ok(Self::Sample(about.to_owned(), text));
            }
            _ => anyhow::bail!("nobody runs this block: say what it needs, as `sh author` does"),
        };
        let runs = text.lines().any(|line| line.starts_with("gristmill "));
        ensure!(
            needs != Needs::Other || !runs,
            "commands of gristmill must be run by a test"
        );
        Ok(Self::Commands(needs, text))
    }
}
