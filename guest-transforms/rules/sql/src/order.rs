//! The order in which columns are computed: each after those that it names.

use std::collections::BTreeMap;

use crate::resolve;

/// The names of `writes`, each after those that its expression names.
pub(crate) fn order(writes: &BTreeMap<String, String>) -> Result<Vec<String>, String> {
    let needs: BTreeMap<&str, Vec<&str>> = writes
        .iter()
        .map(|(name, text)| {
            let named = resolve::names(text);
            let known = writes.keys().map(String::as_str);
            // What passes a column on under its own name names that column.
            let needed = known.filter(|known| {
                let is_own = name == known && text.trim() == *known;
                named.iter().any(|name| name == known) && !is_own
            });
            (name.as_str(), needed.collect())
        })
        .collect();
    let mut found: Vec<String> = Vec::with_capacity(writes.len());
    while found.len() < writes.len() {
        let is_found = |name: &str| found.iter().any(|found| found == name);
        let ready: Vec<String> = needs
            .iter()
            .filter(|(name, needed)| !is_found(name) && needed.iter().all(|name| is_found(name)))
            .map(|(name, _)| (*name).to_owned())
            .collect();
        if ready.is_empty() {
            return Err(circle(&needs, &is_found));
        }
        found.extend(ready);
    }
    Ok(found)
}

/// Names a circle among those that are not found.
fn circle(needs: &BTreeMap<&str, Vec<&str>>, is_found: &dyn Fn(&str) -> bool) -> String {
    let first = needs
        .keys()
        .find(|name| !is_found(name))
        .copied()
        .unwrap_or_default();
    let mut path = vec![first];
    loop {
        let last = path[path.len() - 1];
        let next = needs[last]
            .iter()
            .find(|name| !is_found(name))
            .copied()
            .unwrap_or(first);
        if let Some(at) = path.iter().position(|name| *name == next) {
            let mut names: Vec<String> = path[at..].iter().map(|n| format!("`{n}`")).collect();
            names.push(format!("`{next}`"));
            return format!(
                "writes: the expressions of these columns name each other in a circle: {}",
                names.join(", ")
            );
        }
        path.push(next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writes(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect()
    }

    #[test]
    fn a_column_follows_those_that_it_names() {
        let order = order(&writes(&[("a", "b || c"), ("b", "c"), ("c", "x")])).unwrap();
        assert_eq!(order, ["c", "b", "a"]);
    }

    #[test]
    fn a_circle_is_named() {
        let error = order(&writes(&[("a", "b"), ("b", "c"), ("c", "b")])).unwrap_err();
        assert!(error.ends_with("in a circle: `b`, `c`, `b`"), "{error}");
    }
}
