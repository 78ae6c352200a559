//! `gristmill init`: a first pipeline file and table for a topic of Debezium's.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use gristmill_core::visible::visible;

use super::out::Out;
use super::property_arguments::PropertyArguments;
use crate::authoring::draft::{DraftNames, RegistryNamed};
use crate::definition::host_sandbox;
use crate::ops::init::{InitSource, init};

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    from: From,
    /// With --from-database: the table there, TABLE or SCHEMA.TABLE
    #[arg(long, value_name = "TABLE", requires = "from_database")]
    source_table: Option<String>,
    /// With --from-database: the topic that has the table's events; without it
    /// app.SCHEMA.TABLE
    #[arg(long, conflicts_with = "from_topic")]
    topic: Option<String>,
    /// Kafka's brokers
    #[arg(
        long,
        env = "KAFKA_BOOTSTRAP",
        hide_env_values = true,
        default_value = "localhost:9092"
    )]
    bootstrap: String,
    #[command(flatten)]
    properties: PropertyArguments,
    /// With --from-topic: the schema registry of a topic in Avro, https://HOST:PORT
    #[arg(long, value_name = "URL", requires = "from_topic")]
    registry: Option<String>,
    /// With --registry: who asks it; the password is what REGISTRY_PASSWORD holds
    #[arg(long, value_name = "USER", requires = "registry")]
    registry_user: Option<String>,
    /// With --from-topic: at most so many of the newest records
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// The pipeline's name, and that of its files; without it the end of the topic's name
    #[arg(long)]
    name: Option<String>,
    /// The target's table, TABLE or SCHEMA.TABLE; without it the end of the topic's name
    #[arg(long)]
    table: Option<String>,
    /// Where the files are written
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    folder: PathBuf,
    /// Write over files that are there
    #[arg(long)]
    force: bool,
}

/// What is known of the table.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct From {
    /// A topic with events of Debezium's: its newest records say what the table is
    #[arg(long, value_name = "TOPIC")]
    from_topic: Option<String>,
    /// The source's database, postgres://..: its catalogue says what the table is
    #[arg(long, value_name = "URL", requires = "source_table")]
    from_database: Option<String>,
}

/// Writes NAME.toml and NAME.sql.
pub(super) async fn run(args: Args, out: Out<'_>) -> Result<()> {
    let source_table = args.source_table.unwrap_or_default();
    let registry = args.registry.map(|url| RegistryNamed {
        url,
        user: args.registry_user,
    });
    let (source, topic, asked) = match (args.from.from_database, args.from.from_topic) {
        (Some(url), _) => {
            let full = match source_table.contains('.') {
                true => source_table.clone(),
                false => format!("public.{source_table}"),
            };
            let topic = args.topic.unwrap_or_else(|| format!("app.{full}"));
            let asked = format!("--from-database .. --source-table {source_table}");
            let table = source_table;
            (InitSource::Database { url, table }, topic, asked)
        }
        (None, topic) => {
            let topic = topic.unwrap_or_default();
            let asked = format!("--from-topic {topic}");
            let source = InitSource::Topic {
                bootstrap: args.bootstrap.clone(),
                properties: args.properties.to_map(),
                limit: args.limit,
                registry: registry.clone(),
            };
            (source, topic, asked)
        }
    };
    let last = topic.rsplit('.').next().unwrap_or_default().to_owned();
    let named = DraftNames {
        pipeline: args.name.unwrap_or_else(|| last.clone()),
        table: args.table.unwrap_or(last),
        bootstrap: args.bootstrap,
        command: format!("gristmill init {asked}"),
        registry,
        topic,
    };
    let draft = init(&source, &named, &host_sandbox::open()?).await?;
    for (ending, text) in [("toml", &draft.file), ("sql", &draft.ddl)] {
        let path = args.folder.join(format!("{}.{ending}", named.pipeline));
        write(&path, text, args.force)?;
        writeln!(out, "written  {}", path.display())?;
    }
    for sentence in &draft.unsure {
        writeln!(out, "         {}", visible(sentence))?;
    }
    let file = args.folder.join(format!("{}.toml", named.pipeline));
    let file = file.display();
    writeln!(
        out,
        "look at both, then: gristmill schema apply {file} && gristmill check {file}"
    )?;
    Ok(())
}

fn write(path: &Path, text: &str, force: bool) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true);
    match force {
        true => options.create(true).truncate(true),
        false => options.create_new(true),
    };
    let file = options.open(path);
    let mut file = file.with_context(|| {
        format!(
            "cannot write {}: --force writes over what is there",
            path.display()
        )
    })?;
    file.write_all(text.as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))
}
