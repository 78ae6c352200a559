//! Every public item has an example, which is run as a test. Read from the sources: rustdoc has no
//! lint for it.

use std::fs;
use std::path::Path;

/// How a line begins that makes a public item. Fields and variants stand in the example of their
/// type, and what a trait asks for in that of the trait.
const ITEMS: [&str; 7] = [
    "pub fn ",
    "pub const fn ",
    "pub struct ",
    "pub enum ",
    "pub trait ",
    "pub use crate::wit::",
    "macro_rules! ",
];

#[test]
fn every_public_item_has_an_example() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let map = fs::read_to_string(sources.join("lib.rs")).unwrap();
    let (mut seen, mut without) = (0, Vec::new());
    for entry in fs::read_dir(sources).unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_stem().unwrap().to_str().unwrap();
        if map.contains(&format!("#[doc(hidden)]\npub mod {module};")) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        if map.contains(&format!("\npub mod {module};")) && !text.contains("//! ```") {
            without.push(format!("{module}.rs: the module itself"));
        }
        let text = text.split("#[cfg(test)]").next().unwrap();
        let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
        for (at, line) in lines.iter().enumerate() {
            let above = above(&lines[..at]);
            // What a macro makes is documented where the macro is called.
            let elsewhere = line.contains("$name") && !above.iter().any(|l| l.starts_with("///"));
            if !is_public(line, &above) || elsewhere || above.contains(&"#[doc(hidden)]") {
                continue;
            }
            seen += 1;
            if !above.iter().any(|line| line.starts_with("/// ```")) {
                without.push(format!("{module}.rs:{}: {line}", at + 1));
            }
        }
    }
    assert!(seen > 60, "only {seen} items were found");
    assert!(without.is_empty(), "no example:\n{}", without.join("\n"));
}

/// A macro is public by an attribute.
fn is_public(line: &str, above: &[&str]) -> bool {
    ITEMS.iter().any(|item| line.starts_with(item))
        && (!line.starts_with("macro_rules!") || above.contains(&"#[macro_export]"))
}

/// The comment and the attributes of an item, given all lines before it.
fn above<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let is_above = |line: &&&str| {
        line.starts_with("///") || !(line.is_empty() || line.ends_with(['{', '}', ';']))
    };
    lines.iter().rev().take_while(is_above).copied().collect()
}
