//! What a new rule's folder is made of, by language: templates, and the SDK as the folder has it.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders of an SDK that no rule needs.
const LEFT_OUT: [&str; 5] = ["tests", "node_modules", "dist", "target", "__pycache__"];

/// A path below a rule's folder, and the file that goes there.
type Placed = Vec<(String, PathBuf)>;

/// Writes a Rust list of `LanguageFiles` to `list`, and what has to be written anew below `out`.
pub(crate) fn write(workspace: &Path, out: &Path, list: &Path) -> Result<(), String> {
    let templates = workspace.join("runtime/template");
    let mut text = "&[\n".to_owned();
    for language in folders(&templates)? {
        let sdk = match language.as_str() {
            "rust" => rust_sdk(workspace, &out.join("sdk"))?,
            _ => sdk(workspace, &language)?,
        };
        let mut of_template = String::new();
        for template in folders(&templates.join(&language))? {
            let folder = templates.join(&language).join(&template);
            let entries = entries(&all_below(&folder, &LEFT_OUT)?)?;
            let _ = writeln!(of_template, "({template:?}, &[{entries}]),");
        }
        let _ = writeln!(
            text,
            "LanguageFiles {{ name: {language:?}, sdk: &[{}], templates: &[{of_template}] }},",
            entries(&sdk)?
        );
    }
    fs::write(list, text + "]\n").map_err(|e| format!("{}: {e}", list.display()))
}

fn entries(files: &Placed) -> Result<String, String> {
    let mut text = String::new();
    for (path, file) in files {
        let file = file
            .canonicalize()
            .map_err(|e| format!("{}: {e}", file.display()))?;
        let _ = write!(
            text,
            "({path:?}, include_bytes!({:?})), ",
            file.display().to_string()
        );
    }
    Ok(text)
}

/// Languages whose compilers come from PyPI: their SDKs have `sdk/pypi` beside them.
const OF_PYPI: [&str; 2] = ["c", "python"];

/// The SDK of a language but Rust: its files as they are, with the interface beside them.
fn sdk(workspace: &Path, language: &str) -> Result<Placed, String> {
    let sdks = workspace.join("guest-transforms/sdk");
    let mut files = all_below(&sdks.join(language), &LEFT_OUT)?;
    if OF_PYPI.contains(&language) {
        files.extend(all_below(&sdks.join("pypi"), &LEFT_OUT)?);
    }
    files.push((
        "wit/transform.wit".to_owned(),
        workspace.join("wit/transform.wit"),
    ));
    Ok(files)
}

/// The SDK of Rust as a crate outside of this repository's workspace.
fn rust_sdk(workspace: &Path, to: &Path) -> Result<Placed, String> {
    let sdk = workspace.join("guest-transforms/sdk/rust");
    let mut texts = vec![
        ("Cargo.toml".to_owned(), manifest(workspace, &sdk)?),
        (
            "wit/transform.wit".to_owned(),
            read(&workspace.join("wit/transform.wit"))?,
        ),
    ];
    for (name, source) in all_below(&sdk.join("src"), &[])? {
        let text = read(&source)?.replace("path: \"../../../wit\"", "path: \"wit\"");
        texts.push((format!("src/{name}"), text));
    }
    let mut files = Placed::new();
    for (path, text) in texts {
        let copy = to.join(&path);
        fs::create_dir_all(copy.parent().unwrap_or(to)).map_err(|e| e.to_string())?;
        fs::write(&copy, text).map_err(|e| format!("{}: {e}", copy.display()))?;
        files.push((path, copy));
    }
    Ok(files)
}

/// The SDK's `Cargo.toml` with what it inherits from the workspace filled in.
fn manifest(workspace: &Path, sdk: &Path) -> Result<String, String> {
    let shared = read(&workspace.join("Cargo.toml"))?;
    let own = read(&sdk.join("Cargo.toml"))?;
    let mut lines = Vec::new();
    for line in own.lines().filter(|line| *line != "[lints]") {
        match line.strip_suffix(".workspace = true") {
            _ if line == "workspace = true" => {}
            Some(name) => {
                let definition = format!("{name} = ");
                let inherited = shared.lines().find(|l| l.starts_with(&definition));
                lines.push(inherited.ok_or(format!("Cargo.toml has no `{name}`"))?);
            }
            None => lines.push(line),
        }
    }
    Ok(lines.join("\n").trim_end().to_owned() + "\n")
}

/// The files below `folder` by their paths in it, in order; none of folders called as in `left_out`
/// and of names that begin with a dot.
fn all_below(folder: &Path, left_out: &[&str]) -> Result<Placed, String> {
    let mut files = Placed::new();
    for name in names(folder)? {
        let path = folder.join(&name);
        if !path.is_dir() {
            files.push((name, path));
        } else if !left_out.contains(&name.as_str()) {
            let below = all_below(&path, left_out)?.into_iter();
            files.extend(below.map(|(inner, path)| (format!("{name}/{inner}"), path)));
        }
    }
    Ok(files)
}

fn folders(parent: &Path) -> Result<Vec<String>, String> {
    let mut names = names(parent)?;
    names.retain(|name| parent.join(name).is_dir());
    Ok(names)
}

fn names(folder: &Path) -> Result<Vec<String>, String> {
    let entries = fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let name = entry
            .map_err(|e| format!("{}: {e}", folder.display()))?
            .file_name();
        names.push(name.to_string_lossy().into_owned());
    }
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    Ok(names)
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}
