//! Which topics a key of the file means.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use schemars::JsonSchema;
use serde::Deserialize;

/// A topic's name or a pattern, or several of them. A pattern begins with `^`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Topics {
    One(String),
    Several(Vec<String>),
}

impl Topics {
    /// Each of them as the file has it.
    pub fn texts(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Several(texts) => texts,
        }
    }

    /// Each of them as a pattern. The error names the one that is none, and says why.
    pub(super) fn patterns(&self) -> Result<Vec<TopicPattern>, String> {
        self.texts().iter().map(|t| TopicPattern::new(t)).collect()
    }
}

/// The name of one topic, or a regular expression.
#[derive(Clone, Debug)]
pub(super) enum TopicPattern {
    Name(String),
    Pattern(Regex),
}

/// What a pattern's named groups found in a topic's name, and `topic`, the whole of it.
pub(super) type Groups = BTreeMap<String, String>;

/// The placeholder that every pattern has: the topic's whole name.
const TOPIC: &str = "topic";
/// Kafka's own topics begin so.
const INTERNAL: &str = "__";

impl TopicPattern {
    fn new(text: &str) -> Result<Self, String> {
        if !text.starts_with('^') {
            return Ok(Self::Name(text.to_owned()));
        }
        let pattern = Regex::new(text);
        pattern
            .map(Self::Pattern)
            .map_err(|error| format!("`{text}` is no pattern of topics: {error}"))
    }

    /// The names of its groups.
    pub(super) fn groups(&self) -> BTreeSet<&str> {
        let of_pattern = match self {
            Self::Name(_) => None,
            Self::Pattern(pattern) => Some(pattern.capture_names().flatten()),
        };
        let named = of_pattern.into_iter().flatten();
        named.chain([TOPIC]).collect()
    }

    /// What its groups find in `topic`; `None`: it means another topic. A pattern never means one
    /// of Kafka's own, unless it begins as they do.
    pub(super) fn find(&self, topic: &str) -> Option<Groups> {
        let mut groups = Groups::from([(TOPIC.to_owned(), topic.to_owned())]);
        match self {
            Self::Name(name) if name == topic => {}
            Self::Name(_) => return None,
            Self::Pattern(pattern) => {
                let is_internal = topic.starts_with(INTERNAL);
                if is_internal && !pattern.as_str().starts_with("^__") {
                    return None;
                }
                let found = pattern.captures(topic)?;
                let named = pattern.capture_names().flatten();
                let named = named.filter_map(|name| Some((name, found.name(name)?.as_str())));
                groups.extend(named.map(|(name, text)| (name.to_owned(), text.to_owned())));
            }
        }
        Some(groups)
    }
}

/// The names in braces that `text` has.
pub(super) fn placeholders(text: &str) -> Vec<&str> {
    let opened = text.split('{').skip(1);
    opened
        .filter_map(|part| Some(part.split_once('}')?.0))
        .collect()
}

/// `text` with what `groups` found in the place of their names in braces.
pub(super) fn fill(text: &str, groups: &Groups) -> String {
    groups.iter().fold(text.to_owned(), |text, (name, found)| {
        text.replace(&format!("{{{name}}}"), found)
    })
}
