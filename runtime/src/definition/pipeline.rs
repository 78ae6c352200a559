//! A pipeline with all that it names: components loaded and opened once, dimensions read, plans
//! checked against each other.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use gristmill_core::chain::{Chain, ChainSpec, TimePolicy, Truncate};
use gristmill_core::column::Field;
use gristmill_core::dead_letter::Stage;
use gristmill_core::decode::{Formats, JsonForms};
use gristmill_core::dedup::{Guard, VersionKind};
use gristmill_core::dimension::Dimensions;
use gristmill_core::plan::Roles;
use gristmill_core::transform::Transform;

use crate::definition::bundle::Bundle;
use crate::definition::compiled_bundle::CompiledBundle;
use crate::definition::dimension_rows::load_dimensions;
use crate::definition::file::{Config, DimensionSection, TransformSection};
use crate::definition::fill;
use crate::definition::schemas::Schemas;
use crate::definition::spec::{self, DimensionSpec, Spec, TransformSpec};
use gristmill_core::digest::sha256;
use gristmill_postgres::commit::sink::Sink;
use gristmill_postgres::fleet::definition_store::StoredComponent as Stored;
use gristmill_postgres::table::bookkeeping::Bookkeeping;
use gristmill_postgres::table::catalogue::Catalogue;
use gristmill_postgres::table::filled_columns::FilledColumns;
use gristmill_postgres::table::schema::{self, WantedTable};
use gristmill_postgres::table::target_table::TargetTable;
use gristmill_postgres::wire::connection::{Connection, Database};
use gristmill_sandbox::{Component, Sandbox};
use serde_json::Value;

/// A pipeline ready to make chains of.
pub struct Pipeline {
    /// With all that the file leaves to the target's table.
    pub config: Config,
    /// The normalizer's config as the file has it.
    declared: Value,
    components: Vec<Component>,
    dimensions: Arc<Dimensions>,
    files: BTreeMap<String, Vec<u8>>,
    ddl: Option<String>,
    guard: Guard,
    fields: Vec<Field>,
    roles: Roles,
    formats: Formats,
    /// Those that its records name.
    schemas: Arc<Schemas>,
}

impl Pipeline {
    /// Loads what the pipeline file names; see [`Pipeline::assemble`].
    pub async fn load(config: Config, sandbox: &Sandbox, database: &Database) -> Result<Self> {
        Self::assemble(Bundle::read(config)?, sandbox, database).await
    }

    /// Compiles components, builds dimensions and checks the plans. `database` is asked for
    /// dimensions that are queries, and for what the file leaves to the target's table.
    ///
    /// The error tells every problem of the chain, a line each.
    pub async fn assemble(bundle: Bundle, sandbox: &Sandbox, database: &Database) -> Result<Self> {
        let dimensions = load_dimensions(&bundle.config, &bundle.files, database).await?;
        let sandbox = sandbox.clone();
        // A compiler takes a core for as long as it runs: the tasks of the data path must not wait
        // for it.
        let compile = move || CompiledBundle::new(bundle, &sandbox);
        let compiled = tokio::task::spawn_blocking(compile).await??;
        let catalogue = compiled.catalogue(database).await?;
        let dimensions = Arc::new(dimensions);
        let joined = Arc::clone(&dimensions);
        let open = move || compiled.open(catalogue, &joined);
        let opened = tokio::task::spawn_blocking(open).await??;
        let bundle = opened.bundle;
        let encoding = bundle.config.source.encoding();
        let formats = encoding.formats(opened.has_whole_key);
        Ok(Self {
            schemas: Arc::new(Schemas::new(&bundle.config, formats.clone(), database)),
            formats,
            config: bundle.config,
            declared: opened.declared,
            components: opened.components,
            dimensions,
            files: bundle.files,
            ddl: bundle.ddl,
            guard: bundle.guard,
            fields: opened.fields,
            roles: opened.roles,
        })
    }

    /// The columns that the chain writes, in the transforms' order.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Whether the file leaves something to the target's table.
    pub fn is_filled(&self) -> bool {
        let normalizer = self.config.transform.first();
        normalizer.is_some_and(|normalizer| !normalizer.filled.is_empty())
    }

    /// The columns that it has from the target's table, with the types of when it was made.
    pub fn filled_columns(&self) -> FilledColumns {
        let normalizer = self.components.first().zip(self.config.transform.first());
        normalizer.map_or_else(FilledColumns::default, |(component, section)| {
            fill::filled_columns(component, section)
        })
    }

    /// Which of them are key, event time, deleted flag and order.
    pub fn roles(&self) -> &Roles {
        &self.roles
    }

    /// The table that the rows need, with the file's SQL that creates it, where it names some.
    pub fn wanted(&self) -> WantedTable<'_> {
        WantedTable {
            table: &self.config.target.table,
            fields: &self.fields,
            roles: &self.roles,
            ddl: self.ddl.as_deref(),
            guard: self.guard,
            pipeline: &self.config.pipeline.name,
            is_shared: self.config.target.shared.is_some(),
            delete: self.config.target.delete,
            truncate: self.config.target.truncate,
        }
    }

    /// What tells the table's rows apart by age.
    pub fn guard(&self) -> Guard {
        self.guard
    }

    /// Decides what the guard of a revision that is made now compares: versions, where the table
    /// has a column for them, or where the revision before compares them.
    pub async fn choose_guard(&mut self, connection: &Connection) -> Result<()> {
        let table = TargetTable::load(connection, &self.config.target.table).await?;
        if table.is_some_and(|table| table.guard() == Guard::Version) {
            self.guard = Guard::Version;
        }
        Ok(())
    }

    /// An error that tells everything that keeps the rows from the target, a line each.
    pub async fn check_table(&self, connection: &Connection) -> Result<()> {
        let filled = self.filled_columns();
        let table = &self.config.target.table;
        if !filled.is_empty()
            && let Some(now) = Catalogue::load(connection, table).await?
            && let Some(problem) = filled.problem(table, &now)
        {
            bail!("{problem}");
        }
        let problems = schema::problems(connection, &self.wanted()).await?;
        if !problems.is_empty() {
            bail!("{}", problems.join("\n"));
        }
        Ok(())
    }

    /// The target table as it is now.
    pub async fn target(&self, connection: &Connection) -> Result<TargetTable> {
        let table = &self.config.target.table;
        let target = TargetTable::load(connection, table).await?;
        target.with_context(|| format!("there is no table {table}"))
    }

    /// What writes the rows into the target; `revision`: the one that this is, where it writes
    /// cells.
    pub async fn sink(&self, connection: &Connection, revision: Option<i32>) -> Result<Sink> {
        let target = self.target(connection).await?;
        let (fields, roles) = (&self.fields, &self.roles);
        let delete = self.config.target.delete;
        let mut kept = Bookkeeping::load(connection, &target, fields, roles, self.guard).await?;
        if let (Some(known), Some(revision)) = (kept.clone(), revision) {
            let revision = (self.config.pipeline.name.as_str(), revision);
            kept = Some(known.of_revision(connection, &target, revision).await?);
        }
        let sink = Sink::guarded(&target, fields, roles, kept.as_ref(), delete)?;
        Ok(sink.in_forms(self.forms()))
    }

    /// The components in the order they run, each with its transform's name.
    pub fn components(&self) -> impl Iterator<Item = (&str, &Component)> {
        self.config
            .transform
            .iter()
            .map(|t| t.name.as_str())
            .zip(&self.components)
    }

    /// The digest of the component that `stage` runs.
    pub fn digest(&self, stage: &Stage) -> Option<String> {
        let Stage::Transform(name) = stage else {
            return None;
        };
        self.components()
            .find(|(n, _)| n == name)
            .map(|(_, c)| c.digest().to_owned())
    }

    /// A chain of its own for one partition: fresh instances, an empty dedup state, the watermark
    /// of the checkpoint.
    pub fn chain(&self, partition: i32, event_time_max_us: Option<i64>) -> Result<Chain> {
        self.chain_of(partition, event_time_max_us, |transform| transform)
    }

    /// As [`Pipeline::chain`], of what `wrap` makes of each transform.
    pub fn chain_of(
        &self,
        partition: i32,
        event_time_max_us: Option<i64>,
        wrap: impl Fn(Box<dyn Transform>) -> Box<dyn Transform>,
    ) -> Result<Chain> {
        let configs = self.config.transform.iter().map(|t| &t.config);
        let rules = self.components.iter().zip(configs);
        let transforms = rules.map(|(component, config)| component.rule(config).map(&wrap));
        let transforms = transforms.collect::<Result<_, _>>()?;
        Ok(Chain::new(
            self.chain_spec(partition),
            transforms,
            Arc::clone(&self.dimensions),
            event_time_max_us,
        )?)
    }

    /// How its records are read.
    pub fn formats(&self) -> &Formats {
        &self.formats
    }

    /// Where the schemas of its records are found.
    pub fn schemas(&self) -> &Arc<Schemas> {
        &self.schemas
    }

    fn chain_spec(&self, partition: i32) -> ChainSpec {
        let c = &self.config;
        ChainSpec {
            topic: c.source.topic.clone(),
            partition,
            time: TimePolicy {
                watermark_delay_us: c.pipeline.watermark_delay_ms.saturating_mul(1000),
                ttl_us: c.pipeline.state_ttl_ms.saturating_mul(1000),
                future_max_us: c.pipeline.future_max_ms.saturating_mul(1000),
                floor_us: c.pipeline.floor_ms.saturating_mul(1000),
                late: c.pipeline.late,
            },
            tombstone: c.source.tombstone,
            absent: Some(c.source.absent.clone()).filter(|text| !text.is_empty()),
            formats: self.formats.clone(),
            forms: self.forms(),
            delete: c.target.delete,
            truncate: self.truncate(),
            record_max_bytes: c.limits.record_max_bytes,
            state_max_bytes: c.limits.state_max_bytes,
            target: self.fields.clone(),
        }
    }

    /// How JSON without a schema spells decimals and bytes.
    pub fn forms(&self) -> JsonForms {
        JsonForms {
            decimals: self.config.source.json_decimals,
            bytes: self.config.source.json_bytes,
        }
    }

    /// What happens when the source table is emptied. An offset says nothing of the rows of other
    /// partitions, so it cannot tell which of them are older.
    fn truncate(&self) -> Truncate {
        let by_version = match self.roles.version.kind {
            VersionKind::Offset => Truncate::Halt,
            VersionKind::EventTime | VersionKind::OrderFirst => Truncate::Apply,
        };
        self.config.target.truncate.unwrap_or(by_version)
    }

    /// What a revision stores.
    pub fn spec(&self) -> Spec {
        let c = &self.config;
        let transform = |(component, t): (&Component, &TransformSection)| TransformSpec {
            name: t.name.clone(),
            digest: component.digest().to_owned(),
            config: t.config.clone(),
            filled: t.filled.clone(),
            limits: t.limits.clone(),
        };
        let dimension = |(name, d): (&String, &DimensionSection)| {
            let spec = DimensionSpec {
                digest: self.files.get(name).map(|bytes| sha256(bytes)),
                query: d.query.clone(),
                key: d.key.clone(),
            };
            (name.clone(), spec)
        };
        Spec {
            version: spec::version(
                self.guard,
                &self.roles,
                c.target.delete,
                &c.source.absent,
                self.forms(),
                &c.source.encoding(),
            ),
            pipeline: c.pipeline.clone(),
            topic: c.source.topic.clone(),
            on_gap: c.source.on_gap,
            tombstone: c.source.tombstone,
            absent: c.source.absent.clone(),
            json_decimals: c.source.json_decimals,
            json_bytes: c.source.json_bytes,
            encoding: c.source.encoding(),
            record_max_bytes: c.limits.record_max_bytes,
            transforms: self
                .components
                .iter()
                .zip(&c.transform)
                .map(transform)
                .collect(),
            dimensions: c.dimension.iter().map(dimension).collect(),
            target: c.target.table.clone(),
            delete: c.target.delete,
            truncate: c.target.truncate,
            guard: self.guard,
        }
    }

    /// The same without what the target's table adds to it: what the file says, by which a change
    /// of the file is known.
    pub fn declared_spec(&self) -> Spec {
        let mut spec = self.spec();
        if let Some(normalizer) = spec.transforms.first_mut() {
            normalizer.config = self.declared.clone();
            normalizer.filled.clear();
        }
        spec
    }

    /// The bytes that [`Pipeline::spec`] names by digest.
    pub fn blobs(&self) -> Vec<Stored> {
        let component = |c: &Component| {
            let d = c.description();
            Stored {
                digest: c.digest().to_owned(),
                bytes: c.bytes().to_vec(),
                description: serde_json::json!({
                    "name": d.name, "version": d.version, "summary": d.summary,
                }),
            }
        };
        let file = |(name, bytes): (&String, &Vec<u8>)| Stored {
            digest: sha256(bytes),
            bytes: bytes.clone(),
            description: serde_json::json!({"name": name, "summary": "a dimension's CSV file"}),
        };
        let files = self.files.iter().map(file);
        self.components.iter().map(component).chain(files).collect()
    }

    /// What [`Pipeline::assemble`] was given, to change a part of it.
    pub fn bundle(&self) -> Bundle {
        Bundle {
            config: self.config.clone(),
            components: self.components.iter().map(|c| c.bytes().to_vec()).collect(),
            files: self.files.clone(),
            ddl: self.ddl.clone(),
            guard: self.guard,
            catalogue: None,
        }
    }
}
