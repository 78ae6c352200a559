//! From a pipeline file's text to [`Config`]: environment variables, types, and every problem at
//! once.

use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

use super::Config;
use super::contradictions::contradictions;
use super::environment::{
    fill_table, refuse_in_stored, replace, retyped, variables_at, without_values,
};
use super::known_keys::take_unknown;
use super::problem::{ConfigError, Problem};
use super::template::Template;
use super::wrong_type::{take_unquoted_properties, told, value_at};

/// Reads and checks the file of one pipeline at `path`, with variables from the process'
/// environment.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    let config = load_any(path)?;
    match config.source.topics {
        None => Ok(config),
        Some(_) => Err(failed(
            path,
            "the file stands for a pipeline of each of source.topics, and one is needed here: \
             name `topic` alone"
                .to_owned(),
        )),
    }
}

fn failed(path: &Path, message: String) -> ConfigError {
    ConfigError {
        path: path.to_owned(),
        problems: vec![Problem { line: 0, message }],
    }
}

/// As [`load`], also a file with `topics`: see [`Template`].
pub fn load_any(path: &Path) -> Result<Config, ConfigError> {
    let fail = |message: String| failed(path, message);
    let text = std::fs::read_to_string(path)
        .map_err(|e| fail(format!("cannot read the pipeline file: {e}")))?;
    let mut config =
        parse(&text, |name| std::env::var(name).ok()).map_err(|problems| ConfigError {
            path: path.to_owned(),
            problems,
        })?;
    config.folder = path.parent().unwrap_or(Path::new("")).to_owned();
    Ok(config)
}

/// Parses a pipeline file's text; `variable` looks `${NAME}` up.
pub fn parse(
    text: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Config, Vec<Problem>> {
    let at = |span: Range<usize>| text[..span.start.min(text.len())].matches('\n').count() + 1;
    let mut parsed = DeTable::parse(text).map_err(|e| {
        let here = e.span().and_then(|span| text.get(span)).unwrap_or_default();
        let message = match is_word(here) {
            true => format!("{} `{here}`", e.message()),
            false => e.message().to_owned(),
        };
        let line = e.span().map_or(0, at);
        vec![Problem { line, message }]
    })?;
    let mut problems = Vec::new();
    let mut filled = Vec::new();
    refuse_in_stored(parsed.get_ref(), &mut |span, message| {
        let line = at(span);
        problems.push(Problem { line, message });
    });
    fill_table(
        parsed.get_mut(),
        &variable,
        &mut filled,
        &mut |span, message| {
            problems.push(Problem {
                line: at(span),
                message,
            });
        },
    );
    let mut problem = |span, message| {
        let line = at(span);
        problems.push(Problem { line, message });
    };
    take_unknown(parsed.get_mut(), &mut problem);
    allow_topics(parsed.get_mut());
    take_unquoted_properties(parsed.get_mut(), &mut problem);
    // Rebound, so that it may borrow from `filled`.
    let mut root = parsed;
    // What is wrong is taken out and the rest looked at again, so that all problems are told at
    // once.
    let mut taken = Vec::new();
    let config = loop {
        match Config::deserialize(Deserializer::from(root.clone())) {
            Ok(config) => break Some(config),
            Err(e) => {
                let span = e.span().unwrap_or_default();
                if let Some(typed) = retyped(&filled, &span)
                    && replace(root.get_mut(), &span, &typed)
                {
                    continue;
                }
                let line = if e.span().is_some() {
                    at(span.clone())
                } else {
                    0
                };
                let variable = variables_at(&filled, &span);
                let value = value_at(root.get_ref(), &span);
                let message = told(e.message(), value, variable.as_deref());
                // What was taken out is not missing.
                let is_told = |key: &String| message == format!("missing field `{key}`");
                if !taken.iter().any(is_told) {
                    problems.push(Problem { line, message });
                }
                taken.extend(key_at(root.get_ref(), &span));
                if !remove(root.get_mut(), &span) {
                    break None;
                }
            }
        }
    };
    if let Some(config) = &config {
        problems.extend(contradictions_of_file(config));
    }
    match config {
        Some(config) if problems.is_empty() => Ok(config),
        _ => {
            problems.sort_by_key(|p| p.line);
            for problem in &mut problems {
                problem.message = without_values(&problem.message, &filled);
            }
            Err(problems)
        }
    }
}

/// Where the source names `topics` it need not name a `topic`.
fn allow_topics(root: &mut DeTable<'_>) {
    let Some(DeValue::Table(source)) = root.get_mut("source").map(Spanned::get_mut) else {
        return;
    };
    if let Some(topics) = source.get("topics").map(Spanned::span)
        && !source.contains_key("topic")
    {
        let nothing = Spanned::new(topics.clone(), DeValue::String("".into()));
        source.insert(Spanned::new(topics, "topic".into()), nothing);
    }
}

/// The key whose value stands at `span`.
fn key_at(table: &DeTable<'_>, span: &Range<usize>) -> Option<String> {
    table.iter().find_map(|(key, value)| match value.get_ref() {
        _ if value.span() == *span => Some(key.get_ref().to_string()),
        DeValue::Table(below) => key_at(below, span),
        DeValue::Array(items) => items
            .iter()
            .find_map(|item| key_at(item.get_ref().as_table()?, span)),
        _ => None,
    })
}

fn is_word(text: &str) -> bool {
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    !text.is_empty() && text.chars().all(is_of_word)
}

/// Takes the value at `span` out. A table stays: it is what misses a key, and without it there
/// would be more to complain of.
fn remove(table: &mut DeTable<'_>, span: &Range<usize>) -> bool {
    let is_it = |value: &Spanned<DeValue<'_>>| {
        value.span() == *span && !matches!(value.get_ref(), DeValue::Table(_))
    };
    let key = table.iter().find(|(_, value)| is_it(value));
    if let Some(key) = key.map(|(k, _)| k.get_ref().to_string()) {
        return table.remove(key.as_str()).is_some();
    }
    table.iter_mut().any(|(_, value)| match value.get_mut() {
        DeValue::Table(inner) => remove(inner, span),
        DeValue::Array(items) => items.iter_mut().any(|item| match item.get_mut() {
            DeValue::Table(inner) => remove(inner, span),
            _ => false,
        }),
        _ => false,
    })
}

/// What no type can say, of a file that is one pipeline or many.
fn contradictions_of_file(file: &Config) -> Vec<Problem> {
    let problem = |message: String| Problem { line: 0, message };
    let template = match Template::of(file) {
        Ok(Some(template)) => template,
        Ok(None) if !file.only.is_empty() || file.source.topics_except.is_some() => {
            let why = "[[only]] and source.topics_except are about some of source.topics: the \
                       file has one topic";
            return vec![problem(why.to_owned())];
        }
        Ok(None) => return contradictions(file),
        Err(why) => return vec![problem(why)],
    };
    if !file.source.topic.is_empty() {
        let why = "source has either `topic` or `topics`";
        return vec![problem(why.to_owned())];
    }
    let problems: Vec<Problem> = template.problems().into_iter().map(problem).collect();
    match problems.is_empty() {
        true => contradictions(&template.sample()),
        false => problems,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    const MINIMAL: &str = r#"
[pipeline]
name = "users"
[source]
bootstrap = "${KAFKA}"
topic = "users_cdc"
[[transform]]
name = "normalize"
component = "builtin:normalize-cdc"
[target]
url = "${DB:-postgres://localhost}"
table = "users"
max_rows = "${ROWS:-17}"
"#;

    fn variable(name: &str) -> Option<String> {
        (name == "KAFKA").then(|| "localhost:9092".to_owned())
    }

    #[test]
    fn variables_are_filled_in_and_become_numbers_where_numbers_belong() {
        let config = parse(MINIMAL, variable).unwrap();
        assert_eq!(config.source.bootstrap, "localhost:9092");
        assert_eq!(config.target.url, "postgres://localhost");
        assert_eq!(config.target.max_rows, 17);
    }

    #[test]
    fn a_variable_that_is_a_number_stays_text_where_text_belongs() {
        let config = parse(MINIMAL, |_| Some("123".to_owned())).unwrap();
        assert_eq!(
            (config.target.url.as_str(), config.target.max_rows),
            ("123", 123)
        );
    }

    #[test]
    fn a_line_break_ends_a_variable_and_stands_nowhere_else_but_in_certificates() {
        let with = |value: &str| {
            let value = value.to_owned();
            parse(MINIMAL, move |name| {
                (name == "KAFKA").then(|| value.clone())
            })
        };
        for value in ["k:9092\n", "k:9092\r\n"] {
            assert_eq!(with(value).unwrap().source.bootstrap, "k:9092");
        }
        let problems = with("k:9092\nsecret").unwrap_err();
        let text = &problems[0].message;
        assert!(
            text.contains("line break") && !text.contains("secret"),
            "{text}"
        );
        assert!(with("-----BEGIN CERTIFICATE-----\nMII\n").is_ok());
    }

    #[test]
    fn every_problem_is_told_with_its_line_and_the_nearest_key() {
        let text = MINIMAL.replace("topic =", "topik = 1\ntopic =") + "linger_sm = 1\n";
        let problems = parse(&text, |_| None).unwrap_err();
        let told: Vec<_> = problems
            .iter()
            .map(|p| (p.line, p.message.as_str()))
            .collect();
        assert_eq!(told.len(), 3, "{told:?}");
        assert_eq!(told[0].0, 5);
        assert!(told[0].1.contains("KAFKA is not set"), "{told:?}");
        assert_eq!(told[1], (6, "unknown key `topik`: did you mean `topic`?"));
        assert_eq!(
            told[2],
            (15, "unknown key `linger_sm`: did you mean `linger_ms`?")
        );
    }

    #[test]
    fn a_number_out_of_its_bounds_is_told_with_the_bound() {
        for (key, value, bound) in [
            ("queued_max_bytes", "0", "above 0"),
            ("queued_max_bytes", "1_073_741_825", "at most 1073741824"),
            ("session_timeout_ms", "5_999", "at least 6000"),
        ] {
            let text = MINIMAL.replace("topic =", &format!("{key} = {value}\ntopic ="));
            let problems = parse(&text, variable).unwrap_err();
            assert!(problems[0].message.contains(bound), "{problems:?}");
        }
        assert!(parse(MINIMAL, |_| Some("20_001".to_owned())).is_err());
    }

    #[test]
    fn a_key_that_stands_twice_is_named() {
        let text = MINIMAL.replace("topic =", "topic = \"a\"\ntopic =");
        let problems = parse(&text, variable).unwrap_err();
        assert_eq!(
            (problems[0].line, problems[0].message.as_str()),
            (7, "duplicate key `topic`")
        );
    }

    #[test]
    fn a_value_of_the_wrong_type_names_its_line() {
        let text = MINIMAL.replace("\"${ROWS:-17}\"", "true");
        let problems = parse(&text, variable).unwrap_err();
        assert_eq!(problems[0].line, 13, "{problems:?}");
    }

    /// Each change to a file that is well, as `s/FROM/TO/`.
    const CHANGES: &[(&str, &str)] = &[
        ("topic =", "topik ="),
        ("topic =", "nothing_like_it = 1\ntopic ="),
        ("topic =", "topic = \"a\"\ntopic ="),
        ("topic = \"users_cdc\"", "topic = 5"),
        ("topic = \"users_cdc\"\n", ""),
        ("topic = \"users_cdc\"", "topic = \"a"),
        ("topic =", "start = \"newest\"\ntopic ="),
        ("${KAFKA}", "${OTHER}"),
        ("${KAFKA}", "${KAFKA"),
        ("max_rows = \"${ROWS:-17}\"", "max_rows = \"${KAFKA}\""),
        ("topic =", "start = \"${KAFKA}\"\ntopic ="),
        ("[target]", "config = { a = [\"${KAFKA}\"] }\n[target]"),
        (
            "[target]",
            "[dimension.d]\nkey = [\"a\"]\nquery = \"${KAFKA}\"\n[target]",
        ),
        (
            "[[transform]]",
            "[source.properties]\nsecurity.protocol = \"ssl\"\n[[transform]]",
        ),
        (
            "[[transform]]",
            "[source.properties]\n\"enable.ssl\" = true\n[[transform]]",
        ),
        ("[[transform]]", "transform = 5\n[[x]]"),
        (
            "table = \"users\"",
            "table = [1]\nconnections = 1.5\nretire = \"a\"",
        ),
        ("\"users\"", "\"a b\""),
        ("[[transform]]", "[[transform]]\nlimits = { memory = 1 }"),
        (
            "[target]",
            "[[transform]]\nname = \"normalize\"\ncomponent = \"x\"\n[target]",
        ),
        ("[target]", "[dimension.d]\nkey = [\"a\"]\n[target]"),
        ("\"${ROWS:-17}\"", "0"),
        ("\"${ROWS:-17}\"", "20001"),
        ("${ROWS:-17}", "many"),
        ("table =", "connections = 0\ntable ="),
        ("[target]", "[limits]\nrecord_max_bytes = 0\n[target]"),
        ("topic =", "queued_max_bytes = 0\ntopic ="),
        ("topic =", "queued_max_bytes = 1_073_741_825\ntopic ="),
        ("topic =", "session_timeout_ms = 5_999\ntopic ="),
        (
            "[source]",
            "watermark_delay_ms = -1\nstate_ttl_ms = -1\nfuture_max_ms = -1\n[source]",
        ),
        (
            "[target]",
            "[dead_letters]\ntopic = \"users_cdc\"\nratio_max = 1.5\n[target]",
        ),
    ];

    proptest! {
        /// Whatever is misspelt and wherever it stands.
        #[test]
        fn a_secret_from_the_environment_is_in_no_message(
            secret in "[a-zA-Z0-9:/@\"\\\\ é\\n-]{8,20}",
            line in 1..13usize,
            spelling in select(vec!["${S}", "${S", "${S:-x}", "a${S}b", "$ {S}"]),
            cut in 0..6usize,
        ) {
            let quoted = format!("\"{spelling}\"");
            let mut lines: Vec<String> = MINIMAL.lines().map(str::to_owned).collect();
            let text = match lines[line].split_once(" = ") {
                Some((key, _)) => {
                    let end = key.len() - cut.min(key.len() - 1);
                    format!("{} = {quoted}", &key[..end])
                }
                None => format!("stray = {quoted}"),
            };
            lines[line] = text;
            let variable = |name: &str| (name == "S").then(|| secret.clone());
            if let Err(problems) = parse(&lines.join("\n"), variable) {
                for problem in problems {
                    prop_assert!(!problem.message.contains(&secret), "{}", problem.message);
                }
            }
        }
    }

    #[test]
    fn each_problem_of_a_file() {
        let said = |(from, to): &(&str, &str)| {
            let text = MINIMAL.replacen(from, to, 1);
            assert_ne!(text, MINIMAL, "{from}");
            let problems = parse(&text, variable).unwrap_err().into_iter();
            let lines = problems.map(|p| format!("    line {}: {}", p.line, p.message));
            format!("{from} -> {to}\n{}", lines.collect::<Vec<_>>().join("\n"))
        };
        let mut all: Vec<String> = CHANGES.iter().map(said).collect();
        let without = MINIMAL.split("[[transform]]").next().unwrap_or_default();
        let without = format!("transform = []\n{without}[target]\nurl = \"\"\ntable = \"t\"\n");
        let problems = parse(&without, variable).unwrap_err();
        all.push(format!("no transform\n    {}", problems[0].message));
        insta::assert_snapshot!(all.join("\n\n"));
    }
}
