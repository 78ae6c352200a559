//! What another rule would make of recorded traffic, against what the table holds. Nothing is
//! written.

use std::ops::Range;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use gristmill_core::column::Field;
use gristmill_core::record::Records;
use gristmill_kafka::TopicPartition;
use gristmill_kafka::admin::Admin;
use gristmill_postgres::commit::{checkpoint, gap};
use gristmill_postgres::fleet::definition_store;
use gristmill_postgres::table::row_lookup::RowLookup;
use gristmill_postgres::wire::connection::Connection;
use gristmill_sandbox::Sandbox;
use jiff::Timestamp;
use serde::Serialize;

use crate::authoring::Subject;
use crate::definition::bundle::Bundle;
use crate::definition::file::Config;
use crate::definition::pipeline::Pipeline;
use crate::fleet::difference::Difference;
use crate::fleet::difference::recorded::{MadeRows, Recorded, Side, Traffic};

use super::opened::Opened;

/// Records computed at a time: as a flush of the shipped pipeline takes them.
const BATCH_MAX_ROWS: usize = 5_000;

/// Which rule is tried on which records.
#[derive(Clone, Debug)]
pub struct ReplayRequest {
    /// The transform's name in the pipeline.
    pub rule: String,
    /// What to run in its place: a rule's folder (which is built first), a `.wasm` file, or
    /// `builtin:NAME`.
    pub component: String,
    /// The file of its config; `None` keeps the present one.
    pub config: Option<PathBuf>,
    pub partition: i32,
    /// From the first offset to the one behind the last.
    pub offsets: Range<i64>,
}

/// What the other rule would make otherwise.
#[derive(Clone, Debug, Serialize)]
pub struct TrafficReplayed {
    pub topic: String,
    pub partition: i32,
    pub from_offset: i64,
    /// Exclusive.
    pub to_offset: i64,
    /// Records that were read.
    pub records: usize,
    pub rule: String,
    pub component: String,
    /// The revision whose other rules ran; `None`: those of the file, for none is active.
    pub active: Option<i32>,
    pub difference: Difference,
}

impl ReplayRequest {
    /// An error where there is no offset to replay.
    pub fn check(&self) -> Result<()> {
        let Range { start, end } = self.offsets;
        ensure!(
            start < end,
            "there is nothing from offset {start} to {end}: --to is the offset behind the last"
        );
        Ok(())
    }
}

/// Computes the records with the active rule and the other one, and compares what the other one
/// makes with what the table holds.
pub async fn replay_traffic(
    opened: Opened,
    sandbox: &Sandbox,
    request: &ReplayRequest,
) -> Result<TrafficReplayed> {
    request.check()?;
    let offsets = request.offsets.clone();
    let database = opened.database;
    let mut connection = database.connect().await?;
    connection.only_read().await?;
    let basis = Basis::read(&connection, opened.config).await?;
    let bundle = basis.bundle(&connection).await?;
    let changed = changed(request, &bundle, sandbox)?;
    let active = Pipeline::assemble(bundle, sandbox, &database).await?;
    let mut changed = Pipeline::assemble(changed, sandbox, &database).await?;
    changed.choose_guard(&connection).await?;
    changed.check_table(&connection).await?;
    let partition = TopicPartition::new(active.config.source.topic.as_str(), request.partition);
    basis.check(&connection, &partition, &offsets).await?;
    let both = BothChains {
        active: &active,
        changed: &changed,
        partition: &partition,
        offsets: &offsets,
    };
    let (records, difference) = both.run(&mut connection).await?;
    Ok(TrafficReplayed {
        topic: partition.topic.to_string(),
        partition: partition.partition,
        from_offset: offsets.start,
        to_offset: offsets.end,
        records,
        rule: request.rule.clone(),
        component: request.component.clone(),
        active: basis.active.map(|(_, revision)| revision),
        difference,
    })
}

/// The definition with the other rule in the place of the transform.
fn changed(request: &ReplayRequest, active: &Bundle, sandbox: &Sandbox) -> Result<Bundle> {
    let mut bundle = active.clone();
    let position = bundle.position(&request.rule)?;
    let rule = Subject::parse(&request.component)?.with(None, request.config.as_deref())?;
    bundle.components[position] = rule.load(sandbox)?.bytes().to_vec();
    if let Some(config) = rule.config() {
        bundle.config.transform[position].config = config.clone();
    }
    Ok(bundle)
}

/// Both chains on one range of records.
struct BothChains<'a> {
    active: &'a Pipeline,
    changed: &'a Pipeline,
    partition: &'a TopicPartition,
    offsets: &'a Range<i64>,
}

impl BothChains<'_> {
    /// How many records there are, and what differs.
    async fn run(&self, connection: &mut Connection) -> Result<(usize, Difference)> {
        let mut difference = Difference::default();
        let number = self.partition.partition;
        let mut before = Recorded::new(self.active.chain(number, None)?);
        let mut after = Recorded::new(self.changed.chain(number, None)?);
        let mut count = 0;
        self.read(&mut |records: Records| {
            let now_us = Timestamp::now().as_microsecond();
            count += records.len();
            self.active.schemas().teach(before.chain(), &records)?;
            self.changed.schemas().teach(after.chain(), &records)?;
            let was = before.compute(records.clone(), now_us)?;
            let is = after.compute(records, now_us)?;
            difference.add_letters(&was, &is);
            Ok(())
        })?;
        ensure!(
            count > 0,
            "{} has no record at offsets {} to {} (exclusive): compaction or an aborted \
             transaction took them",
            self.partition,
            self.offsets.start,
            self.offsets.end
        );
        self.compare_table(connection, before, after, &mut difference)
            .await?;
        Ok((count, difference))
    }

    fn read(&self, compute: &mut dyn FnMut(Records) -> Result<()>) -> Result<()> {
        tokio::task::block_in_place(|| {
            let source = &self.active.config.source;
            let admin = Admin::new(&source.bootstrap, &source.properties)?;
            let offsets = self.offsets.clone();
            admin.read(self.partition, offsets, BATCH_MAX_ROWS, compute)
        })
    }

    /// Adds what the table holds otherwise.
    async fn compare_table(
        &self,
        connection: &mut Connection,
        before: Recorded,
        after: Recorded,
        difference: &mut Difference,
    ) -> Result<()> {
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
        let versions = RowLookup::new(&target, &versions, roles, self.active.forms());
        let before = standing(connection, &versions, before.newest()).await?;
        let (fields, roles) = (self.changed.fields(), self.changed.roles());
        let rows = RowLookup::new(&target, fields, roles, self.changed.forms());
        let after = standing(connection, &rows, after.newest()).await?;
        let traffic = Traffic {
            partition: self.partition.partition,
            offsets: self.offsets.clone(),
            key: &roles.key,
        };
        difference.add_table(&traffic, &before, &after);
        Ok(())
    }
}

/// The rows with what the table holds of each.
async fn standing(
    connection: &mut Connection,
    ask: &RowLookup,
    made: Vec<MadeRows>,
) -> Result<Side> {
    let mut standings = Vec::new();
    for made in &made {
        standings.push(ask.ask(connection, &made.rows).await?);
    }
    Ok(Side { made, standings })
}

/// What is active, as Postgres says.
struct Basis {
    config: Config,
    /// Run and revision; `None`: the pipeline has never run on this database.
    active: Option<(i64, i32)>,
}

impl Basis {
    async fn read(connection: &Connection, config: Config) -> Result<Self> {
        let active = match definition_store::active(connection, &config.pipeline.name).await {
            // The database knows nothing of gristmill: somebody else filled the table.
            Err(error) if error.is_missing() => None,
            active => active?,
        };
        Ok(Self { config, active })
    }

    /// The active definition. Nothing is forgotten while it runs: what is the newest of a key must
    /// not depend on how long ago it was.
    async fn bundle(&self, connection: &Connection) -> Result<Bundle> {
        let mut bundle = match self.active {
            Some((_, revision)) => Bundle::stored(connection, &self.config, revision).await?,
            None => Bundle::read(self.config.clone())?,
        };
        bundle.config.pipeline.state_ttl_ms = i64::MAX;
        bundle.config.limits.state_max_bytes = usize::MAX;
        Ok(bundle)
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
