//! Command lines from before the pipeline file came first.

use std::path::Path;

/// The commands below `transform` that named the file with `--pipeline`.
const VERBS: [&str; 4] = ["swap", "promote", "rollback", "history"];

/// The new spelling of a command line that was right before; `None` where there is nothing to say.
/// `arguments` are those behind the program's name.
pub(super) fn new_spelling(arguments: &[String]) -> Option<String> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (command, rest) = match words.as_slice() {
        ["transform" | "plugin", verb, rest @ ..] if VERBS.contains(verb) => {
            (vec!["transform", *verb], rest)
        }
        ["try", rest @ ..] => (vec!["try"], rest),
        _ => return None,
    };
    let (file, rest) = without_pipeline(rest);
    let takes_name = matches!(command.last(), Some(&"swap" | &"rollback"));
    let file = match file {
        Some(file) => file,
        // The file stood in the environment, or was a default.
        None if takes_name && lacks_file(&rest) => "FILE",
        None if command.len() == 2 && rest.is_empty() => "FILE",
        None => return None,
    };
    let all = ["gristmill"]
        .into_iter()
        .chain(command)
        .chain([file])
        .chain(rest);
    Some(all.map(quoted).collect::<Vec<_>>().join(" "))
}

/// Takes `--pipeline FILE` out of the arguments.
fn without_pipeline<'a>(arguments: &[&'a str]) -> (Option<&'a str>, Vec<&'a str>) {
    let (mut file, mut rest) = (None, Vec::new());
    let mut arguments = arguments.iter().copied();
    while let Some(argument) = arguments.next() {
        match argument.strip_prefix("--pipeline") {
            Some("") => file = arguments.next().or(file),
            Some(value) if value.starts_with('=') => file = Some(&value[1..]),
            _ => rest.push(argument),
        }
    }
    (file, rest)
}

/// Whether the first argument is no file: the name of a transform, as it came first before.
fn lacks_file(arguments: &[&str]) -> bool {
    let first = arguments.first().filter(|first| !first.starts_with('-'));
    first.is_some_and(|first| !first.ends_with(".toml") && !Path::new(first).is_file())
}

fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> Option<String> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        new_spelling(&words)
    }

    #[test]
    fn each_old_spelling_has_a_new_one() {
        for (old, new) in [
            (
                "transform swap enrich-email new.wasm --pipeline users.toml",
                "transform swap users.toml enrich-email new.wasm",
            ),
            (
                "plugin swap x new.wasm --pipeline=u.toml --shadow 5",
                "transform swap u.toml x new.wasm --shadow 5",
            ),
            (
                "transform swap x new.wasm",
                "transform swap FILE x new.wasm",
            ),
            ("transform rollback x", "transform rollback FILE x"),
            ("transform history", "transform history FILE"),
            (
                "transform promote --wait 9 --pipeline users.toml",
                "transform promote users.toml --wait 9",
            ),
            (
                "transform history --pipeline users.toml",
                "transform history users.toml",
            ),
            (
                "try . --pipeline users.toml --on events.json",
                "try users.toml . --on events.json",
            ),
        ] {
            assert_eq!(said(old), Some(format!("gristmill {new}")), "{old}");
        }
    }

    #[test]
    fn new_spellings_are_left_alone() {
        for line in [
            "transform swap users.toml enrich-email new.wasm",
            "transform rollback users.toml enrich-email",
            "transform promote users.toml",
            "transform promote --help",
            "transform swap --help",
            "transform new x",
            "try users.toml . --on events.json",
            "status users.toml",
        ] {
            assert_eq!(said(line), None, "{line}");
        }
    }
}
