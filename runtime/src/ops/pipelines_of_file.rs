//! The pipelines that a file stands for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Error, Result};
use gristmill_kafka::admin::Admin;
use gristmill_postgres::fleet::registration::topics_by_pipeline;
use tokio::task::spawn_blocking;

use crate::definition::file::{self, Config, Template};

use super::opened::{Opened, matches};

/// The pipelines that a file stands for, by their names, and what cannot be one of them.
pub struct PipelinesOfFile {
    pub opened: Vec<Opened>,
    /// Whether the file stands for one pipeline of each topic.
    pub is_template: bool,
    /// Of a template, the names of those that have run on this database.
    pub have_run: BTreeSet<String>,
    /// Of those that have run, the names of those whose topic Kafka does not have.
    pub gone: BTreeSet<String>,
    /// Why a topic that the file means has no pipeline, a sentence each.
    pub refused: Vec<String>,
}

impl PipelinesOfFile {
    /// Those of the file at `path` whose names match `pattern`. Of a template, those whose topics
    /// Kafka has and those that have run: one of the two must answer.
    pub async fn read(path: &Path, pattern: Option<&str>) -> Result<Self> {
        let config = file::load_any(path)?;
        let Some(template) = Template::of(&config).map_err(Error::msg)? else {
            return Ok(Self {
                opened: vec![Opened::new(path, config)?],
                is_template: false,
                have_run: BTreeSet::new(),
                gone: BTreeSet::new(),
                refused: Vec::new(),
            });
        };
        let mut found = found(path, &config, &template).await?;
        if let Some(pattern) = pattern {
            found.by_name.retain(|name, _| matches(pattern, name));
        }
        let opened = found.by_name.into_values();
        let opened = opened.map(|config| Opened::new(path, config));
        Ok(Self {
            opened: opened.collect::<Result<_>>()?,
            is_template: true,
            have_run: found.have_run,
            gone: found.gone,
            refused: found.refused,
        })
    }
}

#[derive(Default)]
struct Found {
    by_name: BTreeMap<String, Config>,
    have_run: BTreeSet<String>,
    gone: BTreeSet<String>,
    refused: Vec<String>,
}

/// What has run goes before what Kafka alone has.
async fn found(path: &Path, config: &Config, template: &Template) -> Result<Found> {
    let opened = Opened::new(path, config.clone())?;
    let mut found = Found::default();
    for (name, topics) in have_run(&opened).await? {
        let pipelines = topics
            .iter()
            .filter_map(|topic| template.pipeline(topic)?.ok());
        let its = pipelines.filter(|config| config.pipeline.name == name);
        found
            .by_name
            .extend(its.map(|config| (name.clone(), config)));
    }
    found.have_run = found.by_name.keys().cloned().collect();
    let admin = Admin::new(&config.source.bootstrap, &config.source.properties)?;
    let admin = Arc::new(admin);
    let topics = match spawn_blocking(move || admin.topics()).await? {
        Ok(topics) => topics,
        // Those that have run are known.
        Err(_) if !found.by_name.is_empty() => return Ok(found),
        Err(error) => return Err(Error::new(error).context("cannot look for topics")),
    };
    let have_run = found.by_name.iter();
    let gone = have_run.filter(|(_, config)| !topics.contains(&config.source.topic));
    found.gone = gone.map(|(name, _)| name.clone()).collect();
    for topic in &topics {
        match template.pipeline(topic) {
            None => {}
            Some(Err(why)) => found.refused.push(format!("the topic {topic}: {why}")),
            Some(Ok(config)) => {
                let name = config.pipeline.name.clone();
                let known = found.by_name.entry(name).or_insert_with(|| config.clone());
                if known.source.topic != *topic {
                    found.refused.push(format!(
                        "the topics {topic} and {} both give the pipeline {}: `gristmill run` \
                         leaves out what has not run yet",
                        known.source.topic, known.pipeline.name
                    ));
                }
            }
        }
    }
    Ok(found)
}

/// The topics of every pipeline that has run on the file's database.
async fn have_run(opened: &Opened) -> Result<BTreeMap<String, Vec<String>>> {
    let connection = opened.database.connect().await?;
    Ok(topics_by_pipeline(&connection).await?)
}
