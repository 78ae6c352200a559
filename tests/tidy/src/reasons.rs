//! Each dependency of the workspace says why it is there.

use crate::fault::Fault;
use crate::manifest::entries;

/// A fault for each entry of `[workspace.dependencies]` without a comment in the line above it.
/// The project's own crates, which have a path, need none.
pub fn check(file: &str, text: &str) -> Vec<Fault> {
    let lines: Vec<_> = text.lines().collect();
    let says_why = |line: usize| line >= 2 && lines[line - 2].starts_with("# ");
    let is_own = |line: usize| lines[line - 1].contains("path = ");
    entries(text, "[workspace.dependencies]")
        .into_iter()
        .filter(|(_, line)| !is_own(*line) && !says_why(*line))
        .map(|(name, line)| {
            let what = format!("{name} does not say why it is there, in a comment above it");
            Fault::new(file, line, what)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_without_a_reason_is_named() {
        let text = "[workspace.dependencies]\nown = { path = \"own\" }\n# Reads TOML.\n\
                    toml = \"1\"\nserde = \"1\"\n";
        let faults = check("Cargo.toml", text);
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].line, 5);
        assert!(faults[0].what.starts_with("serde "));
    }
}
