//! The few facts about a `Cargo.toml` that the rules need.

/// The names under `[dependencies]` with their lines: not those of tests and build scripts.
pub fn dependencies(text: &str) -> Vec<(String, usize)> {
    entries(text, "[dependencies]")
}

/// The keys of a table, each with its line. Lines of an array that goes on are no entries.
pub fn entries(text: &str, table: &str) -> Vec<(String, usize)> {
    let mut is_inside = false;
    let mut open = 0;
    let mut found = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        if open == 0 && line.starts_with('[') {
            is_inside = line.trim_end() == table;
            continue;
        }
        let starts_with_name = line.starts_with(|first: char| first.is_ascii_alphanumeric());
        if is_inside && open == 0 && starts_with_name {
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            found.push((name.to_owned(), number));
        }
        let code = line.split('#').next().unwrap_or_default();
        open += code.matches('[').count();
        open -= code.matches(']').count().min(open);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_over_several_lines_is_one_entry() {
        let text = "[dependencies]\na.workspace = true\nb = { features = [\n    \"c\",\n] }\n\
                    # d = 1\n[dev-dependencies]\ne = \"1\"\n";
        let expected = [("a".to_owned(), 2), ("b".to_owned(), 3)];
        assert_eq!(dependencies(text), expected);
    }
}
