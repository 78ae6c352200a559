//! What the documents name exists: paths, tests, commands and their flags, make's targets,
//! variables.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use gristmill_tests::process::output;
use gristmill_tests::program::{gristmill, repository};

/// Folders at the top of the repository: a word that begins with one is a path.
const FOLDERS: [&str; 11] = [
    ".ci/",
    "benches/",
    "data/",
    "docker/",
    "docs/",
    "guest-transforms/",
    "pipelines/",
    "runtime/",
    "schema/",
    "tests/",
    "wit/",
];

/// A document's name and text.
type Document = (String, String);

#[test]
fn paths_exist() -> Result<()> {
    let mut missing = Vec::new();
    let mut seen = 0;
    for (name, text) in documents()? {
        let links = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split([')', '#']).next())
            .filter(|link| !link.is_empty() && !link.contains("://"));
        let folder = Path::new(&name).parent().context("a file has a folder")?;
        let linked = links.map(|link| folder.join(link));
        let named = words(&text)
            .filter_map(|word| word.split('#').next())
            .filter(|word| FOLDERS.iter().any(|f| word.starts_with(f)) && !is_pattern(word))
            .map(PathBuf::from);
        for path in linked.chain(named) {
            seen += 1;
            if !repository().join(&path).exists() {
                missing.push(format!("{name}: {}", path.display()));
            }
        }
    }
    assert!(seen > 20, "only {seen} paths were found");
    assert!(
        missing.is_empty(),
        "these do not exist:\n{}",
        missing.join("\n")
    );
    Ok(())
}

#[test]
fn headings_that_links_lead_to_exist() -> Result<()> {
    let documents = documents()?;
    let mut missing = Vec::new();
    let mut seen = 0;
    for (name, text) in &documents {
        let folder = Path::new(name).parent().context("a file has a folder")?;
        let links = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next());
        for (file, heading) in links.filter_map(|link| link.split_once('#')) {
            if file.contains("://") {
                continue;
            }
            seen += 1;
            let path = match file {
                "" => PathBuf::from(name),
                file => folder.join(file),
            };
            let page = std::fs::read_to_string(repository().join(path)).unwrap_or_default();
            if !page
                .lines()
                .any(|line| anchor(line).as_deref() == Some(heading))
            {
                missing.push(format!("{name}: {file}#{heading}"));
            }
        }
    }
    assert!(seen > 5, "only {seen} headings were found");
    assert!(missing.is_empty(), "these do not exist: {missing:#?}");
    Ok(())
}

/// What a link to a heading says, as GitHub makes it.
fn anchor(line: &str) -> Option<String> {
    let heading = line.strip_prefix('#')?.trim_start_matches('#').trim();
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    Some(
        kept.map(|c| {
            if c == ' ' {
                '-'
            } else {
                c.to_ascii_lowercase()
            }
        })
        .collect(),
    )
}

#[test]
fn tests_exist() -> Result<()> {
    let mut missing = Vec::new();
    let mut seen = 0;
    for (name, text) in documents()? {
        for (file, function) in named_tests(&text) {
            seen += 1;
            let source = std::fs::read_to_string(repository().join(&file));
            if !source.is_ok_and(|source| is_test(&source, &function)) {
                missing.push(format!("{name}: {file} ::{function}"));
            }
        }
    }
    assert!(seen > 40, "only {seen} tests were found");
    assert!(
        missing.is_empty(),
        "these tests do not exist:\n{}",
        missing.join("\n")
    );
    Ok(())
}

#[test]
fn commands_and_their_flags_exist() -> Result<()> {
    let mut wrong = BTreeSet::new();
    let mut helps = BTreeMap::new();
    let mut seen = 0;
    for (name, text) in documents()? {
        for arguments in commands(&text) {
            seen += 1;
            if let Err(why) = check_command(&arguments, &mut helps) {
                wrong.insert(format!(
                    "{name}: gristmill {}: {why:#}",
                    arguments.join(" ")
                ));
            }
        }
    }
    assert!(seen > 10, "only {seen} commands were found");
    assert!(
        wrong.is_empty(),
        "{}",
        wrong.into_iter().collect::<Vec<_>>().join("\n")
    );
    Ok(())
}

#[test]
fn targets_of_make_exist() -> Result<()> {
    let makefile = std::fs::read_to_string(repository().join("Makefile"))?;
    let mut missing = BTreeSet::new();
    for (name, text) in documents()? {
        for code in code(&text) {
            let mut words = code.split_whitespace().skip_while(|w| *w != "make").skip(1);
            let target = words
                .next()
                .filter(|w| w.chars().all(|c| c.is_ascii_lowercase() || c == '-'));
            if let Some(target) = target.filter(|t| !makefile.contains(&format!("\n{t}:"))) {
                missing.insert(format!("{name}: make {target}"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
    Ok(())
}

#[test]
fn variables_are_read_by_something() -> Result<()> {
    let mut sources = String::new();
    for folder in [
        "guest-transforms/sdk/c/declared.h",
        "pipelines",
        "runtime/src",
        "tests/kit",
        "tests/tests",
        "Makefile",
    ] {
        read_all(&repository().join(folder), &mut sources)?;
    }
    let mut unknown = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for (name, text) in documents()? {
        let variables = words(&text).map(|w| w.split('=').next().unwrap_or_default().to_owned());
        for variable in variables.filter(|v| is_ours(v)) {
            if !sources.contains(&variable) {
                unknown.insert(format!("{name}: {variable}"));
            }
            seen.insert(variable);
        }
    }
    assert!(
        seen.contains("KAFKA_BOOTSTRAP") && seen.contains("DATABASE_URL"),
        "{seen:?}"
    );
    assert!(unknown.is_empty(), "nothing reads these: {unknown:?}");
    Ok(())
}

/// README and its like, everything in `docs` and `docker`, and the Makefile.
fn documents() -> Result<Vec<Document>> {
    let mut names: Vec<PathBuf> = [
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "Makefile",
        "benches/README.md",
        "benches/rivals/README.md",
        "runtime/template/rust/common/README.md",
    ]
    .map(PathBuf::from)
    .into();
    for folder in ["docs", "docker"] {
        files_below(Path::new(folder), &mut names)?;
    }
    let read = |name: PathBuf| {
        let text = std::fs::read_to_string(repository().join(&name));
        let name = name.display().to_string();
        Ok((name.clone(), text.context(name)?))
    };
    names.into_iter().map(read).collect()
}

/// The files below `folder`, a path in the repository.
fn files_below(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(repository().join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            files_below(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// Words without the punctuation around them.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let separators = |c: char| c.is_whitespace() || "`\"'()[],;:{}$|".contains(c);
    text.split(separators)
        .map(|word| word.trim_end_matches(['.', '/']))
        .filter(|word| !word.is_empty())
}

/// `docs/*.md`, `golden/<transform>/...`, `golden/NAME`: shapes of paths, not paths.
fn is_pattern(word: &str) -> bool {
    word.contains(['*', '<', '…', '%'])
        || word.contains("..")
        || word
            .split('/')
            .any(|part| part.len() > 1 && part.chars().all(|c| c.is_ascii_uppercase()))
}

/// The tests that a document names, each with its file: a span `::function` is in the file that the
/// last span before it names.
fn named_tests(text: &str) -> Vec<(String, String)> {
    let mut tests = Vec::new();
    let mut file = None;
    for span in text.split('`').skip(1).step_by(2) {
        if span.ends_with(".rs") {
            file = Some(span.to_owned());
        } else if let (Some(file), Some(function)) = (&file, span.strip_prefix("::"))
            && !function.is_empty()
        {
            tests.push((file.clone(), function.to_owned()));
        }
    }
    tests
}

/// Whether `function` stands in `source` right below what makes it a test: `#[test]`,
/// `#[tokio::test]`, or `#[rstest]` and its cases.
fn is_test(source: &str, function: &str) -> bool {
    let head = format!("fn {function}(");
    let lines: Vec<_> = source.lines().map(str::trim_start).collect();
    let above = lines
        .iter()
        .position(|line| line.trim_start_matches("async ").starts_with(&head))
        .map(|at| lines[..at].iter().rev());
    above.is_some_and(|above| {
        above
            .take_while(|line| !line.is_empty())
            .any(|line| line.starts_with("#[") && line.ends_with("test]"))
    })
}

/// A variable that gristmill or its tests read; other programs' (`POSTGRES_USER`) are theirs.
fn is_ours(word: &str) -> bool {
    word == "KAFKA_BOOTSTRAP" || word == "DATABASE_URL" || word.starts_with("GRISTMILL_")
}

/// Lines of code blocks, indented or fenced, and the spans between backticks; of files that are no
/// prose, every line.
fn code(text: &str) -> Vec<String> {
    let mut code = Vec::new();
    let mut fenced = false;
    // A line that ends with a backslash goes on.
    for line in text.replace("\\\n", " ").lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if fenced
            || line.starts_with("    ")
            || line.starts_with('\t')
            || line.starts_with("CMD ")
        {
            code.push(line.to_owned());
        } else {
            code.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    code
}

/// The arguments of each `gristmill ...`, and of each `command: [...]` and `CMD [...]` of an image
/// whose program it is.
fn commands(text: &str) -> Vec<Vec<String>> {
    let mut commands = Vec::new();
    for line in code(text) {
        let line = line.trim();
        if let Some(list) = line
            .strip_prefix("command: [")
            .or_else(|| line.strip_prefix("CMD ["))
        {
            commands.push(
                list.split('"')
                    .skip(1)
                    .step_by(2)
                    .map(str::to_owned)
                    .collect(),
            );
            continue;
        }
        let mut words = line
            .split_whitespace()
            .skip_while(|w| !(*w == "gristmill" || w.ends_with("release/gristmill")))
            .skip(1)
            .peekable();
        // "gristmill" in a sentence, a path or Python's `from gristmill import` is no command.
        if words
            .peek()
            .is_some_and(|w| w.starts_with(|c: char| c.is_ascii_lowercase()))
            && !line.starts_with(['#', 'C', 'R', 'x'])
            && !line.starts_with("from ")
        {
            commands.push(
                words
                    .take_while(|w| !["#", "|", "&&", ";", "\\", ">"].contains(w))
                    .map(str::to_owned)
                    .collect(),
            );
        }
    }
    commands
}

/// An error unless the subcommands exist, and each flag is in the help of the last.
fn check_command(arguments: &[String], helps: &mut BTreeMap<Vec<String>, String>) -> Result<()> {
    let mut path = Vec::new();
    let mut help = help(&path, helps)?;
    for argument in arguments {
        if !help.contains("Commands:") {
            break;
        }
        let alternatives: Vec<&str> = argument.split('|').collect();
        for alternative in &alternatives[1..] {
            self::help(
                &[path.clone(), vec![(*alternative).to_owned()]].concat(),
                helps,
            )?;
        }
        path.push(alternatives[0].to_owned());
        help = self::help(&path, helps)?;
    }
    for flag in arguments
        .iter()
        .map(|a| a.trim_matches(['[', ']']))
        .filter(|a| a.starts_with("--"))
    {
        let flag = flag.split('=').next().unwrap_or_default();
        anyhow::ensure!(words(&help).any(|word| word == flag), "there is no {flag}");
    }
    Ok(())
}

fn help(path: &[String], helps: &mut BTreeMap<Vec<String>, String>) -> Result<String> {
    if let Some(help) = helps.get(path) {
        return Ok(help.clone());
    }
    let help = output(Command::new(gristmill()?).args(path).arg("--help"))?;
    helps.insert(path.to_vec(), help.clone());
    Ok(help)
}

fn read_all(path: &Path, text: &mut String) -> Result<()> {
    if path.is_dir() {
        for entry in std::fs::read_dir(path)? {
            read_all(&entry?.path(), text)?;
        }
    } else {
        text.push_str(&std::fs::read_to_string(path)?);
    }
    Ok(())
}
