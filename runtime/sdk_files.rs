//! The SDK as a new transform carries it: outside of this repository's workspace, with the
//! interface beside it.

use std::fs;
use std::path::{Path, PathBuf};

/// Writes the SDK's files below `to`, and a Rust list of their paths and texts to `list`.
pub(crate) fn write(workspace: &Path, to: &Path, list: &Path) -> Result<(), String> {
    let sdk = workspace.join("guest-transforms/sdk/rust");
    let mut files = vec![
        ("Cargo.toml".to_owned(), manifest(workspace, &sdk)?),
        (
            "wit/transform.wit".to_owned(),
            read(&workspace.join("wit/transform.wit"))?,
        ),
    ];
    let mut sources: Vec<PathBuf> = fs::read_dir(sdk.join("src"))
        .map_err(|e| format!("{}: {e}", sdk.display()))?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<_, _>>()
        .map_err(|e| format!("{}: {e}", sdk.display()))?;
    sources.sort();
    for source in sources {
        let name = source.file_name().unwrap_or_default().to_string_lossy();
        let text = read(&source)?.replace("path: \"../../../wit\"", "path: \"wit\"");
        files.push((format!("src/{name}"), text));
    }
    let mut entries = String::new();
    for (path, text) in files {
        let copy = to.join(&path);
        fs::create_dir_all(copy.parent().unwrap_or(to)).map_err(|e| e.to_string())?;
        fs::write(&copy, text).map_err(|e| format!("{}: {e}", copy.display()))?;
        entries += &format!(
            "({path:?}, include_str!({:?})),\n",
            copy.display().to_string()
        );
    }
    fs::write(list, format!("&[\n{entries}]\n")).map_err(|e| format!("{}: {e}", list.display()))
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

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}
