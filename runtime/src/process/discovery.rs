//! The topics of a template: which pipelines are to begin, and which cannot.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Error, Result};
use gristmill_postgres::fleet::registration::topics_by_pipeline;
use tokio::task::spawn_blocking;

use crate::definition::file::{Config, Template};
use crate::handles::HostedPipeline;
use crate::process::start::FileHandles;

/// A pipeline that cannot begin.
pub(super) struct NotBegun {
    pub(super) name: String,
    pub(super) error: Error,
}

/// What a look for topics found that has not begun.
pub(super) struct Discovered {
    pub(super) wanted: Vec<Config>,
    pub(super) refused: Vec<NotBegun>,
    /// Whether no pipeline of the template has ever run.
    pub(super) is_first: bool,
}

/// Asks Kafka for its topics. Says to the pipelines of `running`, which are the template's, whether
/// theirs are there.
pub(super) async fn discover(
    template: &Template,
    handles: &FileHandles,
    running: &[Arc<HostedPipeline>],
) -> Result<Discovered> {
    let admin = Arc::clone(&handles.kafka.admin);
    let topics = spawn_blocking(move || admin.topics()).await??;
    for pipeline in running {
        let topic = &pipeline.config.source.topic;
        let is_there = topics.contains(topic);
        if pipeline.standings.is_gone() == is_there {
            let gone = format!(
                "the topic {topic} is gone: the pipeline goes on when there is one of that name"
            );
            if !is_there {
                tracing::warn!(pipeline = pipeline.name(), topic, "{gone}");
            }
            pipeline.standings.set_gone((!is_there).then_some(gone));
        }
    }
    let is_new = |topic: &&String| !running.iter().any(|p| p.config.source.topic == **topic);
    let new = topics.iter().filter(is_new);
    let new = new.filter_map(|topic| Some((topic, template.pipeline(topic)?)));
    let (mut wanted, mut refused) = (Vec::new(), Vec::new());
    for (topic, pipeline) in new {
        match pipeline {
            Ok(config) => wanted.push(config),
            Err(why) => refused.push(NotBegun {
                name: topic.clone(),
                error: Error::msg(format!("the topic {topic}: {why}")),
            }),
        }
    }
    if wanted.is_empty() {
        return Ok(Discovered {
            wanted,
            refused,
            is_first: running.is_empty(),
        });
    }
    let commits = &handles.database.commits;
    let registered = topics_by_pipeline(&*commits.pool.get().await?).await?;
    let running: Vec<Config> = handles
        .database
        .pipelines
        .all()
        .iter()
        .map(|p| p.config.clone())
        .collect();
    let is_its = |(name, topics): (&String, &Vec<String>)| {
        let pipelines = topics
            .iter()
            .filter_map(|topic| template.pipeline(topic)?.ok());
        let mut names = pipelines.map(|config| config.pipeline.name);
        names.any(|of_topic| of_topic == *name)
    };
    let is_first = !registered.iter().any(is_its);
    let (wanted, clashing) = without_clashes(wanted, &running, &registered);
    refused.extend(clashing);
    Ok(Discovered {
        wanted,
        refused,
        is_first,
    })
}

/// Those of `wanted` that have their name and their table for themselves, and why the others have
/// not. What runs, or has run, goes before what is new; of two that are new neither begins.
fn without_clashes(
    wanted: Vec<Config>,
    running: &[Config],
    registered: &BTreeMap<String, Vec<String>>,
) -> (Vec<Config>, Vec<NotBegun>) {
    let has_run = |config: &Config| {
        let topics = registered.get(&config.pipeline.name);
        topics.is_some_and(|topics| topics.contains(&config.source.topic))
    };
    let clash_of = |config: &Config| {
        let (name, topic) = (&config.pipeline.name, &config.source.topic);
        let elsewhere = registered
            .get(name)
            .filter(|topics| !topics.contains(topic));
        if let Some(topics) = elsewhere {
            return Some(format!(
                "the pipeline {name} has read the topic {}: give that of {topic} another name",
                topics.join(", ")
            ));
        }
        let goes_before = |other: &&Config| has_run(other) || !has_run(config);
        let others = wanted.iter().filter(|other| other.source.topic != *topic);
        let others = running.iter().chain(others.filter(goes_before));
        others.filter_map(|other| clash(config, other)).next()
    };
    let why: Vec<Option<String>> = wanted.iter().map(clash_of).collect();
    let (mut alone, mut clashing) = (Vec::new(), Vec::new());
    for (config, why) in wanted.into_iter().zip(why) {
        match why {
            None => alone.push(config),
            Some(why) => clashing.push(NotBegun {
                name: config.source.topic,
                error: Error::msg(why),
            }),
        }
    }
    (alone, clashing)
}

/// What both would be.
pub(super) fn clash(config: &Config, other: &Config) -> Option<String> {
    let (topic, of_other) = (&config.source.topic, &other.source.topic);
    let name = &config.pipeline.name;
    if *name == other.pipeline.name && topic == of_other {
        return Some(format!(
            "another file that runs here gives the pipeline {name} of the topic {topic}, too: \
             leave the topic out of one by source.topics_except"
        ));
    }
    if *name == other.pipeline.name {
        return Some(format!(
            "the topics {topic} and {of_other} both give the pipeline {name}: let their names \
             differ, by a group more of the pattern in pipeline.name, or leave one out by \
             source.topics_except"
        ));
    }
    let is_same = config.target.table == other.target.table;
    let are_shared = config.target.shared.is_some() && other.target.shared.is_some();
    (is_same && !are_shared).then(|| {
        format!(
            "the topics {topic} and {of_other} both give the table {}: let their tables differ, \
             say shared = \"disjoint-keys\" under [target] where their keys never meet, or leave \
             one out by source.topics_except",
            config.target.table
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::file::{Shared, parse};

    fn pipelines(name: &str, table: &str, topics: &[&str]) -> Vec<Config> {
        let text = format!(
            "[pipeline]\nname = \"{name}\"\n[source]\nbootstrap = \"b\"\n\
             topics = '^(?<schema>\\w+)\\.(?<table>\\w+)$'\n[[transform]]\nname = \"n\"\n\
             component = \"c\"\n[target]\nurl = \"u\"\ntable = \"{table}\"\n"
        );
        let file = parse(&text, |_| None).unwrap();
        let template = Template::of(&file).unwrap().unwrap();
        let pipelines = topics.iter().map(|topic| template.pipeline(topic).unwrap());
        pipelines.map(Result::unwrap).collect()
    }

    fn topics(of: &[Config]) -> Vec<&str> {
        of.iter().map(|c| c.source.topic.as_str()).collect()
    }

    #[test]
    fn two_new_topics_of_one_name_or_table_do_not_begin_and_others_do() {
        for (name, table, told) in [
            ("{table}", "{schema}_{table}", "the pipeline users"),
            ("{schema}.{table}", "{table}", "the table users"),
        ] {
            let wanted = pipelines(name, table, &["a.users", "b.orders", "b.users"]);
            let (begin, refused) = without_clashes(wanted, &[], &BTreeMap::new());
            assert_eq!(topics(&begin), ["b.orders"]);
            let refused: Vec<_> = refused
                .iter()
                .map(|r| (&*r.name, r.error.to_string()))
                .collect();
            assert_eq!(refused.len(), 2, "{refused:?}");
            assert!(
                refused[0].1.contains("a.users and b.users both give"),
                "{refused:?}"
            );
            assert!(refused[0].1.contains(told), "{refused:?}");
        }
    }

    #[test]
    fn topics_whose_keys_never_meet_may_share_a_table() {
        let mut wanted = pipelines("{schema}.{table}", "{table}", &["a.users", "b.users"]);
        for config in &mut wanted {
            config.target.shared = Some(Shared::DisjointKeys);
        }
        let (begin, refused) = without_clashes(wanted, &[], &BTreeMap::new());
        assert_eq!((begin.len(), refused.len()), (2, 0));
    }

    #[test]
    fn what_runs_or_has_run_goes_before_what_is_new() {
        let two = || pipelines("{schema}.{table}", "{table}", &["a.users", "b.users"]);
        let registered = BTreeMap::from([("b.users".to_owned(), vec!["b.users".to_owned()])]);
        let (begin, refused) = without_clashes(two(), &[], &registered);
        assert_eq!((topics(&begin), refused.len()), (vec!["b.users"], 1));
        let mut running = two();
        let wanted = running.split_off(1);
        let (begin, refused) = without_clashes(wanted, &running, &registered);
        assert_eq!((topics(&begin), refused.len()), (vec![], 1));
    }

    #[test]
    fn a_name_that_another_topic_has_had_is_refused() {
        let registered = BTreeMap::from([("users".to_owned(), vec!["old.users".to_owned()])]);
        let wanted = pipelines("{table}", "{table}", &["a.users"]);
        let (begin, refused) = without_clashes(wanted, &[], &registered);
        assert!(begin.is_empty());
        let why = refused[0].error.to_string();
        assert!(why.contains("has read the topic old.users"), "{why}");
    }
}
