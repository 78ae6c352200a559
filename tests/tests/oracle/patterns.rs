//! Patterns, made by chance.

use crate::expressions::Expressions;
use crate::values::Values;

/// Patterns that are tried in each way.
const PATTERNS: usize = 300;
/// Patterns whose groups are repeated.
const REPEATED: usize = 300;

pub(crate) fn patterns(values: &mut Values) -> Expressions {
    let mut found = Vec::new();
    for index in 0..PATTERNS + REPEATED {
        let pattern = match index < PATTERNS {
            true => alternation(values, 2),
            false => repeated(values, 3),
        };
        let columns = "a:letters".to_owned();
        // What is refused here is not asked there.
        for text in [
            format!("a ~ '{pattern}'"),
            format!("a ~* '{pattern}'"),
            format!("regexp_replace(a, '{pattern}', '<\\&>', 'g')"),
            format!("regexp_replace(a, '{pattern}', '-', 'i')"),
            format!("substring(a from '{pattern}')"),
            format!("regexp_replace(a, '{pattern}', '<\\1|\\2>', 'g')"),
        ] {
            let is_here = sql::probe::probe(&text, &[("a", sql::Type::Text)], &[]).is_ok();
            if is_here {
                found.push((text, columns.clone()));
            }
        }
    }
    found
}

/// Groups in repetitions, so plain otherwise that there is one way to match.
fn repeated(values: &mut Values, depth: u64) -> String {
    let forms = [
        "({})", "({})", "(?:{})", "{}|{}", "{}{}", "{}{}{}", "({}){}",
    ];
    let form = match depth {
        0 => values.pick(&["a", "b", "c", "1", "@"]),
        _ => values.pick(&forms),
    };
    let mut parts = form.split("{}");
    let mut pattern = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        pattern += &repeated(values, depth - 1);
        pattern += part;
    }
    if pattern.ends_with(')') {
        pattern += values.pick(&["", "", "*", "+", "?", "{2}", "{1,2}"]);
    }
    pattern
}

fn alternation(values: &mut Values, depth: u64) -> String {
    let count = 1 + values.below(5) / 3;
    let branches: Vec<String> = (0..count).map(|_| branch(values, depth)).collect();
    branches.join("|")
}

fn branch(values: &mut Values, depth: u64) -> String {
    let count = values.below(4) + u64::from(values.below(20) != 0);
    (0..count).map(|_| piece(values, depth)).collect()
}

fn piece(values: &mut Values, depth: u64) -> String {
    let atoms = [
        "a",
        "b",
        "ab",
        "c",
        ".",
        "\\.",
        "[ab]",
        "[^ab]",
        "[a-c1]",
        "\\d",
        "\\w",
        "\\s",
        "\\D",
        "\\W",
        "[[:alpha:]]",
        "[[:digit:]-]",
        "[^[:space:]@]",
        "@",
        "é",
        "[é-ü]",
        "1",
        "^",
        "$",
        "[]a]",
        "[a-]",
        "A",
        "[A-Z]",
        "\\n",
        "_",
        " ",
    ];
    let atom = match values.below(5) {
        0 if depth > 0 => format!("({})", alternation(values, depth - 1)),
        1 if depth > 0 => format!("(?:{})", alternation(values, depth - 1)),
        _ => values.pick(&atoms).to_owned(),
    };
    if atom == "^" || atom == "$" || atom == "ab" {
        return atom;
    }
    let quantifiers = [
        "", "", "", "*", "+", "?", "{2}", "{1,2}", "{0,1}", "{2,}", "*?", "+?",
    ];
    format!("{atom}{}", values.pick(&quantifiers))
}
