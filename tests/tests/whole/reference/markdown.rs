//! Prose in Markdown, within 100 columns.

/// The widest line of a document.
pub(super) const COLUMNS: usize = 100;

/// `text` as a paragraph.
pub(super) fn paragraph(text: &str) -> String {
    filled("", "", text)
}

/// `text` as an item of a list, below `depth` others.
pub(super) fn item(depth: usize, text: &str) -> String {
    let indent = "  ".repeat(depth);
    filled(&format!("{indent}- "), &format!("{indent}  "), text)
}

/// Lines that begin with `first`, then with `rest`. A span between backticks is never broken.
fn filled(first: &str, rest: &str, text: &str) -> String {
    let mut lines = vec![first.to_owned()];
    let mut empty = true;
    for word in words(text) {
        let line = lines.last_mut().expect("there is always a line");
        let wide = line.chars().count() + usize::from(!empty) + word.chars().count();
        if !empty && wide > COLUMNS {
            lines.push(format!("{rest}{word}"));
        } else {
            if !empty {
                line.push(' ');
            }
            line.push_str(&word);
        }
        empty = false;
    }
    lines.join("\n") + "\n"
}

fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut in_code = false;
    for word in text.split_whitespace() {
        match words.last_mut() {
            Some(last) if in_code => {
                last.push(' ');
                last.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
        in_code ^= word.matches('`').count() % 2 == 1;
    }
    words
}

/// A sentence, which ends with a full stop.
pub(super) fn sentence(text: &str) -> String {
    let text = text.trim();
    match text.ends_with(['.', ':', '?']) || text.is_empty() {
        true => text.to_owned(),
        false => format!("{text}."),
    }
}
