//! No line is longer than 100 columns.

use crate::fault::Fault;

/// The widest line, in characters: two files fit beside each other, and so does a review.
const COLUMNS: usize = 100;

/// The kinds of files that people write and read.
const KINDS: [&str; 14] = [
    ".rs",
    ".md",
    ".toml",
    ".sql",
    ".wit",
    ".sh",
    ".yaml",
    ".yml",
    ".java",
    ".xml",
    ".txt",
    "Makefile",
    "Dockerfile",
    ".ci/run",
];

/// Folders of data, and what a program writes in a form of its own.
const NOT_OURS: [&str; 6] = [
    "data/",
    "proptest-regressions/",
    "tests/cases/",
    "Cargo.lock",
    "LICENSE",
    "RESULTS.md",
];

/// The jobs of other engines, each in a language of its own that may not bear a break. Only what
/// is ours there is checked.
const RIVALS: &str = "benches/rivals/";

/// Whether the rule applies to a file, named from the top of the repository.
pub fn is_checked(file: &str) -> bool {
    KINDS.iter().any(|kind| file.ends_with(kind))
        && !NOT_OURS.iter().any(|part| file.contains(part))
        && (!file.starts_with(RIVALS) || file.ends_with(".rs") || file.ends_with(".md"))
}

/// A fault for each line that is too long.
pub fn check(file: &str, text: &str) -> Vec<Fault> {
    let lines = text.lines().zip(1..);
    let too_long = lines.filter_map(|(line, number)| {
        let columns = line.chars().count();
        let is_fault = columns > COLUMNS && !is_one_address(line);
        is_fault.then(|| {
            let what = format!("{columns} columns, and at most {COLUMNS} are allowed");
            Fault::new(file, number, what)
        })
    });
    too_long.collect()
}

/// Whether nothing but an address and what marks it stands in the line, so that it cannot be cut.
fn is_one_address(line: &str) -> bool {
    const MARKS: [&str; 9] = ["//", "///", "//!", "#", "-", "*", ">", "<!--", "-->"];
    let mut words = line
        .split_whitespace()
        .filter(|word| !MARKS.contains(word))
        // `[name]:` of a link's address that stands below the text.
        .filter(|word| !(word.starts_with('[') && word.ends_with("]:")));
    words.next().is_some_and(|word| word.contains("://")) && words.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_named() {
        let text = format!("short\n// {}\n", "x".repeat(98));
        let faults = check("a.rs", &text);
        assert_eq!(faults.len(), 1);
        assert_eq!((faults[0].file.as_str(), faults[0].line), ("a.rs", 2));
        assert!(faults[0].what.starts_with("101 columns"));
    }

    #[test]
    fn characters_count_and_not_bytes() {
        assert_eq!(check("a.md", &"ö".repeat(100)), []);
    }

    #[test]
    fn only_an_address_alone_may_be_longer() {
        let address = format!("https://example.com/{}", "x".repeat(100));
        for line in ["", "//! ", "- ", "[name]: "].map(|mark| format!("{mark}{address}")) {
            assert_eq!(check("a.rs", &line), [], "{line}");
        }
        assert_eq!(check("a.rs", &format!("// see {address}")).len(), 1);
    }

    #[test]
    fn data_and_locks_are_left_alone() {
        assert!(is_checked("runtime/src/lib.rs") && is_checked(".ci/run"));
        assert!(!is_checked("Cargo.lock") && !is_checked("data/x.md") && !is_checked("x.svg"));
    }
}
