//! Everything that would stop a pipeline, found before it starts.

use anyhow::{Error, Result};
use gristmill_core::chain::Delete;
use gristmill_core::column::Field;
use gristmill_core::dedup::Guard;
use gristmill_core::plan::Roles;
use gristmill_kafka::admin::{Admin, AdminError};
use gristmill_postgres::commit::blocker;
use gristmill_postgres::commit::checkpoint::{self, PartitionState};
use gristmill_postgres::fleet::{registration, rollout};
use gristmill_postgres::table::target_table::TargetTable;
use gristmill_postgres::table::{privileges, schema};
use gristmill_postgres::wire::connection::{Connection, Database};
use gristmill_sandbox::Sandbox;
use serde::Serialize;
use tokio::runtime::Handle;

use super::lost_values;
use super::memory_bound::MemoryBound;
use super::newest_values;
use super::topic_events;
use super::topic_shape::oddities;
use crate::authoring::event_file::PlacedEvent;
use crate::definition::bundle::Bundle;
use crate::definition::file::Config;
use crate::definition::host_sandbox;
use crate::definition::pipeline::Pipeline;
use crate::definition::schemas::NoSchemas;
use crate::definition::spec::spec_hash;
use crate::fleet::check::{Retire, columns, evolution, pure};
use crate::fleet::evolution::taken_in;
use crate::host_name::host_name;
use crate::http::listener::Listen;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Preflight {
    pub pipeline: String,
    /// Where Kafka is.
    pub bootstrap: String,
    /// A sentence each; none where the pipeline is ready to run.
    pub problems: Vec<String>,
    /// What a process may hold; none where the topic's partitions are not known.
    pub memory: Option<MemoryBound>,
    /// What does not stop the pipeline and may lose data or surprise somebody, a sentence each.
    pub warnings: Vec<String>,
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
        let runtime = Handle::current();
        tokio::task::spawn_blocking(move || of_kafka(&config, &runtime))
    };
    let mut found = Found::default();
    found
        .problems
        .extend(lost_values::of_deletes_without_place(&config));
    let memory_of = config.clone();
    if config.dead_letters.topic.is_none() {
        found.warnings.push(
            "dead letters stay in gristmill.dead_letter, where nothing tells anybody of them and \
             nothing removes them: name a topic by dead_letters.topic, or look at `gristmill \
             dead-letters list` from time to time"
                .to_owned(),
        );
    }
    let listen = config
        .http
        .listen
        .as_ref()
        .map(|text| text.parse::<Listen>());
    if let Some(Err(error)) = listen {
        found.problems.push(format!("http.listen: {error}"));
    }
    of_chain(config, &mut found).await;
    let of_kafka = kafka.await?;
    let newest = of_kafka.newest;
    found.problems.extend(of_kafka.problems);
    found.warnings.extend(of_kafka.warnings);
    if let Some(table) = found.table {
        let several = of_kafka.partitions > 1;
        let warnings = table.target.warnings(&table.fields, &table.roles, several);
        found.warnings.extend(warnings);
        if memory_of.target.delete == Delete::Hard {
            let spelt = table.target.deleted_by_spelling(&table.roles.key);
            found.warnings.extend(spelt);
        }
    }
    if let Some(pipeline) = found.pipeline {
        match pipeline.schemas().probe().await {
            Ok(()) => {}
            Err(NoSchemas::Later(why)) => found.warnings.push(format!("{why}; `run` waits for it")),
            Err(NoSchemas::Never(why)) => found.problems.push(why),
        }
        let unseen = lost_values::of_unseen_changes(&pipeline.config);
        found.warnings.extend(unseen);
        let look = move || {
            let letters = newest_values::letters(&pipeline, &newest);
            let letters = letters.unwrap_or_else(|error| vec![not_tried(&error)]);
            [newest_values::oddities(&pipeline, &newest), letters].concat()
        };
        found
            .warnings
            .extend(tokio::task::spawn_blocking(look).await?);
    }
    let partitions = of_kafka.partitions;
    Ok(Preflight {
        memory: (partitions > 0).then(|| MemoryBound::of(&memory_of, partitions)),
        pipeline,
        bootstrap,
        problems: found.problems,
        warnings: found.warnings,
    })
}

fn not_tried(error: &Error) -> String {
    format!(
        "the topic's newest records were not tried: {}",
        with_causes(error)
    )
}

/// Sentences so far.
#[derive(Default)]
struct Found {
    problems: Vec<String>,
    warnings: Vec<String>,
    /// The target, where there is one.
    table: Option<FilledTable>,
    /// What the file says, where it can run.
    pipeline: Option<Pipeline>,
    /// How many partitions the topic has; 0 where that is not known.
    partitions: usize,
    /// The topic's newest records, the newest of each partition first.
    newest: Vec<PlacedEvent>,
}

/// A table, and the rows that are to be written to it.
struct FilledTable {
    target: TargetTable,
    /// Those whose types the file chose.
    fields: Vec<Field>,
    roles: Roles,
}

/// What is wrong with components, plans, dimensions and the tables.
async fn of_chain(config: Config, found: &mut Found) {
    let problems = &mut found.problems;
    let application = format!("gristmill/{}", config.pipeline.name);
    let database = match Database::new(&config.target.url, &application) {
        Ok(database) => database,
        Err(error) => return problems.push(format!("target.url: {error}")),
    };
    let sandbox = match host_sandbox::open() {
        Ok(sandbox) => sandbox,
        Err(error) => return problems.push(with_causes(&error.into())),
    };
    let connection = database.connect().await;
    let pipeline = Pipeline::load(config, &sandbox, &database).await;
    match (connection, pipeline) {
        (Ok(connection), Ok(mut pipeline)) => {
            match of_table(&connection, &mut pipeline).await {
                Ok((of_table, table)) => {
                    problems.extend(of_table);
                    found.table = table;
                }
                Err(error) => problems.push(with_causes(&error)),
            }
            let table = &pipeline.config.target.table;
            found.warnings.extend(of_locks(&connection, table).await);
            problems.extend(pure(None, &pipeline).err().map(|e| with_causes(&e)));
            problems.extend(of_writes(&connection, &database));
            found.warnings.extend(of_search_path(&connection).await);
            of_active(&connection, &pipeline, &sandbox, &database, found).await;
            found.pipeline = Some(pipeline);
        }
        (connection, pipeline) => {
            let unreachable = connection.err().map(|error| with_causes(&error.into()));
            let of_pipeline = pipeline.err().map(|error| with_causes(&error));
            // What cannot be loaded may be of the same cause.
            let is_other = |problem: &String| Some(problem) != unreachable.as_ref();
            problems.extend(of_pipeline.filter(is_other));
            problems.extend(unreachable);
        }
    }
}

/// That nothing can be written: services forbid it where a disk is full, and standbys always.
fn of_writes(connection: &Connection, database: &Database) -> Option<String> {
    connection.only_reads().then(|| {
        format!(
            "the postgres at {} is read-only (transaction_read_only is on), so that nothing could \
             be written: name its primary if it is a standby, make room if its disk is full, or \
             set default_transaction_read_only = off for the database and the role",
            database.place()
        )
    })
}

/// That others may put something in the way of what a trigger or a dimension's query names.
async fn of_search_path(connection: &Connection) -> Option<String> {
    let schemas = privileges::open_schemas(connection).await.ok()?.join(", ");
    (!schemas.is_empty()).then(|| {
        format!(
            "others may create in {schemas}, which is on the search path: what they create there \
             can come in place of what a trigger or a dimension's query names, and runs as this \
             role; `revoke create on schema {schemas} from public`, and from those roles"
        )
    })
}

async fn of_table(
    connection: &Connection,
    pipeline: &mut Pipeline,
) -> Result<(Vec<String>, Option<FilledTable>)> {
    pipeline.choose_guard(connection).await?;
    let wanted = pipeline.wanted();
    let problems = schema::problems(connection, &wanted).await?;
    let target = TargetTable::load(connection, wanted.table).await?;
    let table = target.map(|target| FilledTable {
        target,
        // Columns that are the table's are as wide as it has them.
        fields: match pipeline.is_filled() {
            true => Vec::new(),
            false => pipeline.fields().to_vec(),
        },
        roles: pipeline.roles().clone(),
    });
    Ok((problems, table))
}

/// Whose locks would keep a start waiting.
async fn of_locks(connection: &Connection, table: &str) -> Option<String> {
    let holders = blocker::holders(connection, table).await.ok()?;
    let holders: Vec<_> = holders.iter().map(ToString::to_string).collect();
    (!holders.is_empty()).then(|| {
        format!(
            "nothing can be written to the table {table} as long as others have locked it: {}",
            holders.join("; ")
        )
    })
}

/// What the file says against what is active: where `run` would refuse the change, the active
/// revision goes on, and who deployed the file would not know.
async fn of_active(
    connection: &Connection,
    file: &Pipeline,
    sandbox: &Sandbox,
    database: &Database,
    found: &mut Found,
) {
    // Without its tables there is nothing that runs; the problems say so.
    let Ok(Some(rollout)) = rollout::read(connection, &file.config.pipeline.name).await else {
        return;
    };
    let number = rollout.active;
    let name = &file.config.pipeline.name;
    found
        .warnings
        .extend(of_halts(connection, name, rollout.run).await);
    let active = async {
        let bundle = Bundle::stored(connection, &file.config, number).await?;
        Pipeline::assemble(bundle, sandbox, database).await
    };
    let active = match active.await {
        Ok(active) => active,
        Err(error) => {
            found.warnings.push(format!(
                "revision {number} is active and cannot run on this host: {}",
                with_causes(&error)
            ));
            return;
        }
    };
    found
        .warnings
        .extend(of_guard(connection, &active, file, number).await);
    let unfit = active.check_table(connection).await.err();
    let is_left = !is_proposed(connection, file).await.unwrap_or_default();
    if let Some(unfit) = unfit.filter(|_| is_left) {
        let unfit = with_causes(&unfit);
        let is_said = |line: &&str| found.problems.iter().any(|said| said == line);
        let rest: Vec<&str> = unfit.lines().filter(|line| !is_said(line)).collect();
        if !rest.is_empty() {
            let rest = rest.join("; ");
            let problem = format!("revision {number} is active, and would not start: {rest}");
            found.problems.push(problem);
        }
        return;
    }
    // What the guard compares is no part of what a file says.
    let mut spec = active.spec();
    (spec.guard, spec.version) = (file.guard(), file.spec().version);
    let is_same = match (
        serde_json::to_value(spec),
        serde_json::to_value(file.spec()),
    ) {
        (Ok(active), Ok(file)) => active == file,
        _ => false,
    };
    if is_same {
        return;
    }
    let retire = Retire::Key(&file.config.target.retire);
    let Ok(table) = file.target(connection).await else {
        return;
    };
    match evolution(&active, file).and_then(|()| columns(&active, file, &table, retire)) {
        Err(error) => found.problems.push(format!(
            "what the file says would not become active, and revision {number} would run \
             instead: {}",
            with_causes(&error)
        )),
        Ok(_) if !taken_in(&active, file).is_empty() => found.warnings.push(format!(
            "the target's table has columns that revision {number}, which is active, does not \
             fill: `gristmill evolve FILE` takes them in"
        )),
        Ok(_) if is_left && file.is_filled() => found.warnings.push(format!(
            "what the file takes from the target's table is not what revision {number}, which is \
             active, took from it: `gristmill evolve FILE` takes it in"
        )),
        Ok(_) => found.warnings.push(format!(
            "what the file says is not active, revision {number} is: a start of `gristmill run` \
             makes it active where the file has changed since it was last read"
        )),
    }
}

/// Which partitions a start would find halted.
async fn of_halts(connection: &Connection, pipeline: &str, run: i64) -> Vec<String> {
    let checkpoints = checkpoint::list(connection, pipeline, run).await;
    let halted = checkpoints.unwrap_or_default().into_iter();
    let halted = halted.filter(|c| c.state == PartitionState::Halted);
    let told = halted.map(|c| {
        format!(
            "partition {} is halted, and a start alone changes nothing of its cause: {}",
            c.key.partition,
            c.reason.unwrap_or_default()
        )
    });
    told.collect()
}

/// Whether a start of `gristmill run` would make a revision of what the file says.
async fn is_proposed(connection: &Connection, file: &Pipeline) -> Result<bool> {
    let hash = spec_hash(&serde_json::to_value(file.declared_spec())?);
    let name = &file.config.pipeline.name;
    Ok(!registration::was_read(connection, name, &hash, &host_name()).await?)
}

/// That the active revision does not compare the versions that the table has a column for.
async fn of_guard(
    connection: &Connection,
    active: &Pipeline,
    file: &Pipeline,
    number: i32,
) -> Option<String> {
    if active.guard() == file.guard() || file.guard() == Guard::Columns {
        return None;
    }
    let target = active.target(connection).await.ok()?;
    let losses = target.losses(active.roles(), active.guard());
    let losses = losses.iter().map(|loss| format!("; {loss}"));
    Some(format!(
        "revision {number} is active and tells newer events from older ones by columns of the \
         table, not by _gm_version: a start of `gristmill run` makes a revision that \
         does{}",
        losses.collect::<String>()
    ))
}

/// Records whose shape is looked at: the others have it, too.
const LOOKED_AT_MAX: usize = 4;

/// What is wrong with the topics, and with what the brokers let us see.
fn of_kafka(config: &Config, runtime: &Handle) -> Found {
    let mut found = Found::default();
    let admin = match Admin::new(&config.source.bootstrap, &config.source.properties) {
        Ok(admin) => admin,
        Err(error) => {
            found.problems.push(with_causes(&error.into()));
            return found;
        }
    };
    if let Err(error) = admin.check_access(&config.group(), &config.source.topic) {
        let unreachable = matches!(error, AdminError::Unreachable { .. });
        found.problems.push(with_causes(&error.into()));
        if unreachable {
            return found;
        }
    }
    let topic = admin.topic(&config.source.topic);
    found.partitions = topic.map_or(0, |topic| topic.partitions.len());
    if let Some(topic) = &config.dead_letters.topic
        && let Err(error) = admin.topic(topic)
    {
        found.problems.push(with_causes(&error.into()));
    }
    if runtime.block_on(admin.is_compacted(&config.source.topic)) == Some(true) {
        found.warnings.extend(lost_values::of_compaction(config));
    }
    found.warnings.extend(lost_values::of_flat_deletes(config));
    found.newest = topic_events::newest_quickly(&admin, &config.source.topic);
    // One record's words are enough.
    let odd = found
        .newest
        .iter()
        .map(|event| oddities(config, &event.place, &event.record.get(0)));
    let odd = odd.take(LOOKED_AT_MAX).find(|odd| !odd.is_empty());
    found.warnings.extend(odd.into_iter().flatten());
    found
}

fn with_causes(error: &Error) -> String {
    format!("{error:#}")
}
