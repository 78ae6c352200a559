//! A file with `topics` is a template: it stands for one pipeline for each topic.

use std::collections::BTreeSet;

use super::contradictions::contradictions;
use super::topic_pattern::{Groups, TopicPattern, Topics, fill, placeholders};
use super::{Config, OnlySection};

/// A file that stands for one pipeline for each topic that it means.
pub struct Template {
    file: Config,
    topics: Vec<TopicPattern>,
    except: Vec<TopicPattern>,
    only: Vec<(Vec<TopicPattern>, OnlySection)>,
}

impl Template {
    /// The template that `file` is; `None`: it is one pipeline. The error says what is wrong with
    /// its patterns.
    pub fn of(file: &Config) -> Result<Option<Self>, String> {
        let Some(topics) = &file.source.topics else {
            return Ok(None);
        };
        let except = file.source.topics_except.as_ref();
        let only = file.only.iter();
        let only = only.map(|only| Ok((only.topics.patterns()?, only.clone())));
        Ok(Some(Self {
            topics: topics.patterns()?,
            except: except.map_or_else(|| Ok(Vec::new()), Topics::patterns)?,
            only: only.collect::<Result<_, String>>()?,
            file: file.clone(),
        }))
    }

    /// The pipeline of `topic`; `None`: the template does not mean that topic. The inner error says
    /// why it cannot be one.
    pub fn pipeline(&self, topic: &str) -> Option<Result<Config, String>> {
        let groups = self.topics.iter().find_map(|t| t.find(topic))?;
        if self.except.iter().any(|t| t.find(topic).is_some()) {
            return None;
        }
        let config = self.filled(topic, &groups);
        // Its own dead letters are none of its events.
        if config.dead_letters.topic.as_deref() == Some(topic) {
            return None;
        }
        let problems = contradictions(&config);
        let problem = problems.into_iter().next();
        Some(problem.map_or(Ok(config), |problem| Err(problem.message)))
    }

    fn filled(&self, topic: &str, groups: &Groups) -> Config {
        let mut config = self.file.clone();
        config.source.group = Some(self.file.group());
        config.source.topic = topic.to_owned();
        config.source.topics = None;
        config.source.topics_except = None;
        config.only.clear();
        for (_, only) in self.only_of(topic) {
            config.target.table = only.table.clone().unwrap_or(config.target.table);
            config.transform = only.transform.clone().unwrap_or(config.transform);
            if let Some(of_first) = config.transform.first_mut()
                && let Some(properties) = of_first.config.as_object_mut()
            {
                properties.extend(only.config.clone());
            }
        }
        config.pipeline.name = fill(&config.pipeline.name, groups);
        config.target.table = fill(&config.target.table, groups);
        let letters = config.dead_letters.topic.as_mut();
        if let Some(letters) = letters {
            *letters = fill(letters, groups);
        }
        config
    }

    fn only_of(&self, topic: &str) -> impl Iterator<Item = &(Vec<TopicPattern>, OnlySection)> {
        let means = move |(topics, _): &&(Vec<TopicPattern>, OnlySection)| {
            topics.iter().any(|t| t.find(topic).is_some())
        };
        self.only.iter().filter(means)
    }

    /// What is wrong with the placeholders of the template, a sentence each.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let sets: Vec<BTreeSet<&str>> = self.topics.iter().map(TopicPattern::groups).collect();
        let Some(known) = sets.into_iter().reduce(|a, b| &a & &b) else {
            return vec!["source.topics is empty: name a topic or a pattern".to_owned()];
        };
        let file = &self.file;
        let (name, table) = (&file.pipeline.name, &file.target.table);
        let tables = self.only.iter().filter_map(|(_, o)| o.table.as_ref());
        let letters = file.dead_letters.topic.as_ref();
        let of_name = ("pipeline.name", name);
        let all = [of_name, ("target.table", table)].into_iter();
        let all = all.chain(tables.map(|table| ("only.table", table)));
        for (key, text) in all.chain(letters.map(|t| ("dead_letters.topic", t))) {
            for placeholder in placeholders(text) {
                if !known.contains(placeholder) {
                    let known: Vec<String> = known.iter().map(|k| format!("{{{k}}}")).collect();
                    problems.push(format!(
                        "{key} has {{{placeholder}}}, which is no named group of source.topics \
                         (^..(?<{placeholder}>\\w+)..): known are {}",
                        known.join(", ")
                    ));
                }
            }
        }
        let is_shared = file.target.shared.is_some();
        for (key, text, must) in [
            ("pipeline.name", name, true),
            ("target.table", table, !is_shared),
        ] {
            if must && placeholders(text).is_empty() {
                problems.push(format!(
                    "{key} `{text}` is the same for all of source.topics: write a named group of \
                     the pattern into it, for example {text}.{{{}}}",
                    known.iter().find(|k| **k != "topic").unwrap_or(&"topic")
                ));
            }
        }
        problems
    }

    /// A pipeline of it as one might be, to see what is wrong with the rest of the file.
    pub(super) fn sample(&self) -> Config {
        let sets = self.topics.iter().map(TopicPattern::groups);
        let groups = sets.flatten().map(|name| (name.to_owned(), "x".to_owned()));
        self.filled("x", &groups.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::file::parse;

    const TEMPLATE: &str = r#"
[pipeline]
name = "app.{table}"
[source]
bootstrap = "b"
topics = '^app\.public\.(?<table>\w+)$'
topics_except = ["app.public.secrets", '^app\.public\.tmp_']
[[transform]]
name = "normalize"
component = "builtin:normalize-debezium"
config = { shape = "envelope" }
[[only]]
topics = "app.public.orders"
table = "replica.{table}_all"
config = { key = ["id", "line"] }
[target]
url = "u"
table = "replica.{table}"
"#;

    fn template(text: &str) -> Template {
        Template::of(&parse(text, |_| None).unwrap())
            .unwrap()
            .unwrap()
    }

    fn problems(from: &str, to: &str) -> Vec<String> {
        assert!(TEMPLATE.contains(from), "{from}");
        let parsed = parse(&TEMPLATE.replace(from, to), |_| None);
        let problems = parsed.err().unwrap_or_default().into_iter();
        problems.map(|problem| problem.message).collect()
    }

    #[test]
    fn each_topic_has_a_pipeline_of_its_own() {
        let template = template(TEMPLATE);
        let users = template.pipeline("app.public.users").unwrap().unwrap();
        assert_eq!(users.pipeline.name, "app.users");
        assert_eq!(users.target.table, "replica.users");
        assert_eq!(users.source.topic, "app.public.users");
        assert_eq!(users.group(), "gristmill-app.{table}");
        assert_eq!(users.transform[0].config["shape"], "envelope");
        for topic in [
            "app.public.secrets",
            "app.public.tmp_1",
            "app.private.users",
            "app.public.users.more",
            "__consumer_offsets",
        ] {
            assert!(template.pipeline(topic).is_none(), "{topic}");
        }
    }

    #[test]
    fn some_topics_are_otherwise() {
        let template = template(TEMPLATE);
        let orders = template.pipeline("app.public.orders").unwrap().unwrap();
        assert_eq!(orders.target.table, "replica.orders_all");
        let config = &orders.transform[0].config;
        assert_eq!(config["key"], serde_json::json!(["id", "line"]));
        assert_eq!(config["shape"], "envelope");
    }

    #[test]
    fn a_topic_whose_name_makes_no_pipeline_says_why() {
        let topics = r"topics = '^app\.(?<table>.+)$'";
        let text = TEMPLATE.replace(r"topics = '^app\.public\.(?<table>\w+)$'", topics);
        let refused = template(&text).pipeline("app.a b").unwrap().unwrap_err();
        assert!(refused.contains("pipeline.name `app.a b`"), "{refused}");
    }

    #[test]
    fn what_is_wrong_with_a_template_is_told() {
        for (from, to, told) in [
            (
                "app.{table}",
                "app",
                "pipeline.name `app` is the same for all",
            ),
            (
                "{table}\"\n[source]",
                "{tab}\"\n[source]",
                "known are {table}, {topic}",
            ),
            (
                "replica.{table}\"\n",
                "replica.all\"\n",
                "target.table `replica.all`",
            ),
            (r"\w+)$'", r"\w+$'", "is no pattern of topics"),
            (
                "topics =",
                "topic = \"t\"\ntopics =",
                "either `topic` or `topics`",
            ),
            (
                "topics_except",
                "topics = \"a\"\ntopics_except",
                "duplicate key",
            ),
        ] {
            let found = problems(from, to);
            assert!(found.iter().any(|f| f.contains(told)), "{told}: {found:?}");
        }
        let one = problems(r"topics = '^app\.public\.(?<table>\w+)$'", "topic = \"t\"");
        assert!(one[0].contains("[[only]]"), "{one:?}");
    }
}
