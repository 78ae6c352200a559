//! Everything that would stop a pipeline, found before it starts.

use anyhow::{Error, Result};
use gristmill_kafka::admin::{Admin, AdminError};
use gristmill_postgres::table::schema;
use gristmill_postgres::wire::connection::Database;
use serde::Serialize;

use crate::definition::file::Config;
use crate::definition::host_sandbox;
use crate::definition::pipeline::Pipeline;
use crate::fleet::check::pure;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Preflight {
    pub pipeline: String,
    /// Where Kafka is.
    pub bootstrap: String,
    /// A sentence each; none where the pipeline is ready to run.
    pub problems: Vec<String>,
}

/// Looks at everything that the pipeline file names: components, plans, dimensions, the tables in
/// Postgres, and topics and permissions in Kafka.
pub async fn check(config: Config) -> Result<Preflight> {
    let (pipeline, bootstrap) = (
        config.pipeline.name.clone(),
        config.source.bootstrap.clone(),
    );
    let kafka = {
        let config = config.clone();
        tokio::task::spawn_blocking(move || kafka_problems(&config))
    };
    let mut problems = chain_problems(config).await;
    problems.extend(kafka.await?);
    Ok(Preflight {
        pipeline,
        bootstrap,
        problems,
    })
}

/// What is wrong with components, plans, dimensions and the tables.
async fn chain_problems(config: Config) -> Vec<String> {
    let application = format!("gristmill/{}", config.pipeline.name);
    let database = match Database::new(&config.target.url, &application) {
        Ok(database) => database,
        Err(error) => return vec![format!("target.url: {error}")],
    };
    let sandbox = match host_sandbox::open() {
        Ok(sandbox) => sandbox,
        Err(error) => return vec![with_causes(&error.into())],
    };
    let connection = database.connect().await;
    let pipeline = Pipeline::load(config, &sandbox, &database).await;
    let mut problems = Vec::new();
    match (connection, pipeline) {
        (Ok(connection), Ok(pipeline)) => {
            match schema::problems(&connection, &pipeline.wanted()).await {
                Ok(found) => problems.extend(found),
                Err(error) => problems.push(with_causes(&error.into())),
            }
            problems.extend(pure(None, &pipeline).err().map(|e| with_causes(&e)));
        }
        (connection, pipeline) => {
            problems.extend(pipeline.err().map(|e| with_causes(&e)));
            problems.extend(connection.err().map(|e| with_causes(&e.into())));
        }
    }
    problems
}

/// What is wrong with the topics, and with what the brokers let us see.
fn kafka_problems(config: &Config) -> Vec<String> {
    let admin = match Admin::new(&config.source.bootstrap, &config.source.properties) {
        Ok(admin) => admin,
        Err(error) => return vec![with_causes(&error.into())],
    };
    let mut problems = Vec::new();
    if let Err(error) = admin.check_access(&config.group(), &config.source.topic) {
        let unreachable = matches!(error, AdminError::Unreachable { .. });
        problems.push(with_causes(&error.into()));
        if unreachable {
            return problems;
        }
    }
    if let Some(topic) = &config.dead_letters.topic
        && let Err(error) = admin.topic(topic)
    {
        problems.push(with_causes(&error.into()));
    }
    problems
}

fn with_causes(error: &Error) -> String {
    format!("{error:#}")
}
