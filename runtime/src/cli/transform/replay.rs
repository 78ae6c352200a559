//! `gristmill transform replay`: what another rule would make of recorded traffic, against what the
//! table holds.

use std::ops::Range;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use gristmill_core::column::Field;
use gristmill_core::record::Records;
use jiff::Timestamp;

use crate::authoring::{Subject, read_config};
use crate::definition::bundle::Parts;
use crate::definition::file::Config;
use crate::definition::pipeline::Pipeline;
use crate::fleet::difference::Difference;
use crate::fleet::difference::recorded::{Made, Recorded, Side, Traffic};
use gristmill_kafka::TopicPartition;
use gristmill_kafka::admin::Admin;
use gristmill_postgres::commit::{checkpoint, gap};
use gristmill_postgres::fleet::definition_store;
use gristmill_postgres::table::row_lookup::RowLookup;
use gristmill_postgres::wire::connection::Connection;
use gristmill_sandbox::Sandbox;

/// Records computed at a time: as a flush of the shipped pipeline takes them.
const BATCH_MAX_ROWS: usize = 5_000;

#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// The pipeline's TOML file
    pipeline: PathBuf,
    /// The transform's name in the pipeline
    name: String,
    /// What to run in its place: a rule's folder (which is built first), a .wasm file, or
    /// builtin:NAME
    #[arg(long, value_name = "FILE")]
    component: String,
    /// Its config, a TOML or JSON file; without one the transform's present config
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The first offset
    #[arg(long, value_name = "OFFSET", value_parser = offset, allow_negative_numbers = true)]
    from: i64,
    /// The offset behind the last
    #[arg(long, value_name = "OFFSET", value_parser = offset, allow_negative_numbers = true)]
    to: i64,
    /// The partition of the topic
    #[arg(long, value_name = "N", default_value_t = 0)]
    partition: i32,
}

fn offset(text: &str) -> Result<i64, &'static str> {
    let offset = text.parse().ok().filter(|offset| *offset >= 0);
    offset.ok_or("an offset is a number from 0 on, as `gristmill status` shows them")
}

pub(super) async fn run(args: Args) -> Result<()> {
    ensure!(
        args.from < args.to,
        "there is nothing from offset {} to {}: --to is the offset behind the last",
        args.from,
        args.to
    );
    let (config, database) = super::super::open(&args.pipeline)?;
    let sandbox = crate::cli::sandbox()?;
    let mut connection = database.connect().await?;
    connection.only_read().await?;
    let stands = Stands::read(&connection, config).await?;
    let parts = stands.parts(&connection).await?;
    let changed = changed(&args, &parts, &sandbox)?;
    let active = Pipeline::assemble(parts, &sandbox, &database).await?;
    let changed = Pipeline::assemble(changed, &sandbox, &database).await?;
    changed.check_table(&connection).await?;
    let offsets = args.from..args.to;
    let partition = TopicPartition::new(active.config.source.topic.as_str(), args.partition);
    stands.check(&connection, &partition, &offsets).await?;

    let replay = Replay {
        active: &active,
        changed: &changed,
        partition: &partition,
        offsets: &offsets,
    };
    let (records, difference) = replay.run(&mut connection).await?;
    println!(
        "{partition} from offset {} to {} (exclusive), {records} read: `{}` by {}, all else as in \
         {}\n",
        offsets.start,
        offsets.end,
        args.name,
        args.component,
        stands.said()
    );
    println!("{}", difference.text("table has", "rule gives"));
    Ok(())
}

/// The definition with the other rule in the place of the transform.
fn changed(args: &Args, active: &Parts, sandbox: &Sandbox) -> Result<Parts> {
    let mut parts = active.clone();
    let position = parts.position(&args.name)?;
    let component = Subject::parse(&args.component)?.load(sandbox)?;
    parts.components[position] = component.bytes().to_vec();
    if args.config.is_some() {
        parts.config.transform[position].config = read_config(args.config.as_deref())?;
    }
    Ok(parts)
}

/// Both chains on one range of records.
struct Replay<'a> {
    active: &'a Pipeline,
    changed: &'a Pipeline,
    partition: &'a TopicPartition,
    offsets: &'a Range<i64>,
}

impl Replay<'_> {
    /// How many records there are, and what differs.
    async fn run(&self, connection: &mut Connection) -> Result<(usize, Difference)> {
        let mut difference = Difference::default();
        let number = self.partition.partition;
        let mut before = Recorded::new(self.active.chain(number, None)?);
        let mut after = Recorded::new(self.changed.chain(number, None)?);
        let mut count = 0;
        let mut compute = |records: Records| -> Result<()> {
            let now_us = Timestamp::now().as_microsecond();
            count += records.len();
            let was = before.compute(records.clone(), now_us)?;
            let is = after.compute(records, now_us)?;
            difference.add_letters(&was, &is);
            Ok(())
        };
        tokio::task::block_in_place(|| {
            let source = &self.active.config.source;
            let admin = Admin::new(&source.bootstrap, &source.properties)?;
            let offsets = self.offsets.clone();
            admin.read(self.partition, offsets, BATCH_MAX_ROWS, &mut compute)
        })?;
        ensure!(
            count > 0,
            "{} has no record at offsets {} to {} (exclusive): compaction or an aborted \
             transaction took them",
            self.partition,
            self.offsets.start,
            self.offsets.end
        );
        let target = self.active.target(connection).await?;
        // Of the active rule's rows only the versions are asked for: the table holds what they
        // became.
        let roles = self.active.roles();
        let is_version = |name: &String| {
            let of_version = roles.order.contains(name) || roles.event_time == *name;
            of_version || roles.key.contains(name)
        };
        let fields = self.active.fields().iter().cloned();
        let versions: Vec<Field> = fields.filter(|f| is_version(&f.name)).collect();
        let versions = RowLookup::new(&target, &versions, roles);
        let before = standing(connection, &versions, before.newest()).await?;
        let rows = RowLookup::new(&target, self.changed.fields(), self.changed.roles());
        let after = standing(connection, &rows, after.newest()).await?;
        let traffic = Traffic {
            partition: number,
            offsets: self.offsets.clone(),
            key: &roles.key,
        };
        difference.add_table(&traffic, &before, &after);
        Ok((count, difference))
    }
}

/// The rows with what the table holds of each.
async fn standing(connection: &mut Connection, ask: &RowLookup, made: Vec<Made>) -> Result<Side> {
    let mut standings = Vec::new();
    for made in &made {
        standings.push(ask.ask(connection, &made.rows).await?);
    }
    Ok(Side { made, standings })
}

/// What is active, as Postgres says.
struct Stands {
    config: Config,
    /// Run and revision; `None`: the pipeline has never run on this database.
    active: Option<(i64, i32)>,
}

impl Stands {
    async fn read(connection: &Connection, config: Config) -> Result<Self> {
        let active = match definition_store::active(connection, &config.pipeline.name).await {
            // The database knows nothing of gristmill: somebody else filled the table.
            Err(error) if error.is_missing() => None,
            active => active?,
        };
        Ok(Self { config, active })
    }

    fn said(&self) -> String {
        match self.active {
            Some((_, revision)) => format!("revision {revision}, which is active"),
            None => "the file, for no revision is active".to_owned(),
        }
    }

    /// The active definition. Nothing is forgotten while it runs: what is the newest of a key must
    /// not depend on how long ago it was.
    async fn parts(&self, connection: &Connection) -> Result<Parts> {
        let mut parts = match self.active {
            Some((_, revision)) => Parts::stored(connection, &self.config, revision).await?,
            None => Parts::read(self.config.clone())?,
        };
        parts.config.pipeline.state_ttl_ms = i64::MAX;
        parts.config.limits.state_max_bytes = usize::MAX;
        Ok(parts)
    }

    /// An error unless the topic has the offsets and the table has seen them.
    async fn check(
        &self,
        connection: &Connection,
        partition: &TopicPartition,
        offsets: &Range<i64>,
    ) -> Result<()> {
        let source = &self.config.source;
        let admin = Admin::new(&source.bootstrap, &source.properties)?;
        tokio::task::block_in_place(|| recorded(&admin, partition, offsets))?;
        let Some((run, _)) = self.active else {
            return Ok(());
        };
        let name = &self.config.pipeline.name;
        let checkpoints = checkpoint::list(connection, name, run).await?;
        let is_it =
            |topic: &str, number| topic == &*partition.topic && number == partition.partition;
        let checkpoint = checkpoints
            .into_iter()
            .find(|c| is_it(&c.key.topic, c.key.partition));
        let next_offset = checkpoint.map_or(0, |c| c.next_offset);
        ensure!(
            offsets.end <= next_offset,
            "the pipeline has written {partition} up to offset {next_offset} (exclusive), so the \
             table says nothing about what comes after: use a --to of at most {next_offset}"
        );
        for gap in gap::list(connection, name, run).await? {
            let overlaps = gap.from_offset < offsets.end && offsets.start < gap.to_offset;
            ensure!(
                !overlaps || !is_it(&gap.topic, gap.partition),
                "the pipeline has never read {partition} from offset {} to {} (exclusive; {}): \
                 replay what lies before or behind",
                gap.from_offset,
                gap.to_offset,
                gap.cause
            );
        }
        Ok(())
    }
}

/// An error unless Kafka has the partition and the offsets.
fn recorded(admin: &Admin, partition: &TopicPartition, offsets: &Range<i64>) -> Result<()> {
    let partitions = admin.topic(&partition.topic)?.partitions;
    ensure!(
        partitions.contains(&partition.partition),
        "the topic {} has no partition {}: it has {}",
        partition.topic,
        partition.partition,
        partitions
            .iter()
            .map(i32::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    );
    let (low, high) = admin.watermarks(std::slice::from_ref(partition))?[0];
    ensure!(low < high, "{partition} has no records");
    ensure!(
        offsets.start >= low,
        "{partition} begins at offset {low}, what was before is gone: use a --from of at least \
         {low}"
    );
    ensure!(
        offsets.end <= high,
        "{partition} ends at offset {high} (exclusive): use a --to of at most {high}"
    );
    Ok(())
}
