//! `gristmill check`: everything that would stop a pipeline, before it starts.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use crate::definition::file::{self, Config};
use crate::definition::pipeline::Pipeline;
use crate::fleet::check::pure;
use gristmill_kafka::admin::{Admin, AdminError};
use gristmill_postgres::table::schema;
use gristmill_postgres::wire::connection::Database;

pub(super) async fn run(path: &Path) -> Result<ExitCode> {
    let config = match file::load(path) {
        Ok(config) => config,
        Err(error) => return Ok(report(vec![error.to_string()])),
    };
    let mut problems = Vec::new();
    let bootstrap = config.source.bootstrap.clone();
    let kafka = {
        let config = config.clone();
        tokio::task::spawn_blocking(move || kafka_problems(&config))
    };
    let chain = chain_problems(config).await;
    problems.extend(chain);
    problems.extend(kafka.await?);
    if problems.is_empty() {
        println!("{}: ready to run (kafka at {bootstrap})", path.display());
    }
    Ok(report(problems))
}

fn report(problems: Vec<String>) -> ExitCode {
    for problem in &problems {
        eprintln!("{problem}");
    }
    if problems.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Components, plans, dimensions, and the tables.
async fn chain_problems(config: Config) -> Vec<String> {
    let mut problems = Vec::new();
    let url = config.target.url.clone();
    let application = format!("gristmill/{}", config.pipeline.name);
    let database = match Database::new(&url, &application) {
        Ok(database) => database,
        Err(error) => return vec![format!("target.url: {error}")],
    };
    let sandbox = match crate::cli::sandbox() {
        Ok(sandbox) => sandbox,
        Err(error) => return vec![chain_of(&error.into())],
    };
    let connection = database.connect().await;
    let pipeline = Pipeline::load(config, &sandbox, &database).await;
    match (connection, pipeline) {
        (Ok(connection), Ok(pipeline)) => {
            match schema::problems(&connection, &pipeline.wanted()).await {
                Ok(found) => problems.extend(found),
                Err(error) => problems.push(chain_of(&error.into())),
            }
            problems.extend(pure(None, &pipeline).err().map(|e| chain_of(&e)));
        }
        (connection, pipeline) => {
            problems.extend(pipeline.err().map(|e| chain_of(&e)));
            problems.extend(connection.err().map(|e| chain_of(&e.into())));
        }
    }
    problems
}

/// Topics, and whether the brokers let us see them.
fn kafka_problems(config: &Config) -> Vec<String> {
    let admin = match Admin::new(&config.source.bootstrap, &config.source.properties) {
        Ok(admin) => admin,
        Err(error) => return vec![chain_of(&error.into())],
    };
    let mut problems = Vec::new();
    if let Err(error) = admin.check_access(&config.group(), &config.source.topic) {
        let unreachable = matches!(error, AdminError::Unreachable { .. });
        problems.push(chain_of(&error.into()));
        if unreachable {
            return problems;
        }
    }
    if let Some(topic) = &config.dead_letters.topic
        && let Err(error) = admin.topic(topic)
    {
        problems.push(chain_of(&error.into()));
    }
    problems
}

fn chain_of(error: &anyhow::Error) -> String {
    format!("{error:#}")
}
