//! A pipeline with all that its file names: components loaded and opened once, dimensions read, plans checked against each other.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use arrow_array::builder::StringBuilder;
use gristmill_core::chain::{self, Chain, ChainSpec, TimePolicy, check_plans};
use gristmill_core::column::{Batch, Column, Field, LogicalType};
use gristmill_core::dead_letter::Stage;
use gristmill_core::dimension::{Dimension, Dimensions};
use gristmill_core::plan::{Plan, Roles};
use gristmill_core::transform::Transform as _;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::builtin;
use crate::config::{self, Config, Late, Tombstone};
use crate::postgres::connect::Database;
use crate::postgres::{self, schema::Wanted};
use crate::sandbox::{Component, Sandbox};

/// A pipeline ready to make chains of.
pub struct Pipeline {
    pub config: Config,
    components: Vec<Component>,
    dimensions: Arc<Dimensions>,
    fields: Vec<Field>,
    roles: Roles,
}

impl Pipeline {
    /// Loads components and dimensions and checks the plans. `database` is asked for dimensions that are queries.
    ///
    /// The error tells every problem of the chain, a line each.
    pub async fn load(config: Config, sandbox: &Sandbox, database: &Database) -> Result<Self> {
        let dimensions = Arc::new(load_dimensions(&config, database).await?);
        let components = load_components(&config, sandbox)?;
        let mut plans: Vec<Plan> = Vec::new();
        for (component, transform) in components.iter().zip(&config.transform) {
            plans.push(component.open(&transform.config)?.plan().clone());
        }
        let named: Vec<(&str, &Plan)> = config
            .transform
            .iter()
            .map(|t| t.name.as_str())
            .zip(&plans)
            .collect();
        let fields = check_plans(&named, &dimensions).map_err(|problems| {
            let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            anyhow!("{}", lines.join("\n"))
        })?;
        let roles = plans
            .first()
            .and_then(|p| p.roles.clone())
            .context("the first transform declares no roles")?;
        Ok(Self {
            config,
            components,
            dimensions,
            fields,
            roles,
        })
    }

    /// The columns that the chain writes, in the transforms' order.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Which of them are key, event time, deleted flag and order.
    pub fn roles(&self) -> &Roles {
        &self.roles
    }

    /// The table that the rows need; the shipped pipeline's own is created as it is written in `schema/`.
    pub fn wanted(&self) -> Wanted<'_> {
        let table = self.config.target.table.as_str();
        let sql = (table == "users_enriched").then_some(postgres::schema::USERS_ENRICHED);
        Wanted {
            table,
            fields: &self.fields,
            roles: &self.roles,
            sql,
        }
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

    /// A chain of its own for one partition: fresh instances, an empty dedup state, the watermark of the checkpoint.
    pub fn chain(&self, partition: i32, event_time_max_us: Option<i64>) -> Result<Chain> {
        let mut transforms: Vec<Box<dyn gristmill_core::transform::Transform>> = Vec::new();
        for (component, transform) in self.components.iter().zip(&self.config.transform) {
            transforms.push(Box::new(component.open(&transform.config)?));
        }
        Ok(Chain::new(
            self.chain_spec(partition),
            transforms,
            Arc::clone(&self.dimensions),
            event_time_max_us,
        )?)
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
                late: match c.pipeline.late {
                    Late::Apply => chain::Late::Apply,
                    Late::DeadLetter => chain::Late::DeadLetter,
                },
            },
            tombstone: match c.source.tombstone {
                Tombstone::Ignore => chain::Tombstone::Ignore,
                Tombstone::Delete => chain::Tombstone::Delete,
            },
            record_max_bytes: c.limits.record_max_bytes,
            state_max_bytes: c.limits.state_max_bytes,
            target: self.fields.clone(),
        }
    }

    /// What a revision stores: everything that decides about rows; no address and no secret.
    pub fn spec(&self) -> serde_json::Value {
        let c = &self.config;
        let transforms: Vec<_> = self
            .components()
            .zip(&c.transform)
            .map(|((name, component), t)| {
                json!({"name": name, "component": t.component, "digest": component.digest(), "config": t.config, "limits": t.limits})
            })
            .collect();
        let digests: std::collections::BTreeMap<_, _> = self
            .dimensions
            .iter()
            .map(|(name, d)| (name, format!("{:016x}", d.digest())))
            .collect();
        json!({
            "record_max_bytes": c.limits.record_max_bytes,
            "dimension_digests": digests,
            "pipeline": c.pipeline,
            "topic": c.source.topic,
            "on_gap": c.source.on_gap,
            "tombstone": c.source.tombstone,
            "transforms": transforms,
            "dimensions": c.dimension,
            "target": c.target.table,
        })
    }

    /// Changes exactly when [`Pipeline::spec`] does.
    pub fn spec_hash(&self) -> String {
        let digest = Sha256::digest(self.spec().to_string());
        digest.iter().map(|b| format!("{b:02x}")).collect()
    }
}

fn load_components(config: &Config, sandbox: &Sandbox) -> Result<Vec<Component>> {
    let mut components = Vec::new();
    for transform in &config.transform {
        let context = || format!("transform `{}`", transform.name);
        let component = match transform.component.strip_prefix("builtin:") {
            Some(name) => {
                let bytes = builtin::component(name).ok_or_else(|| {
                    anyhow!(
                        "there is no builtin component `{name}`: there are {}",
                        builtin::names().join(", ")
                    )
                });
                sandbox.load(
                    &transform.name,
                    bytes.with_context(context)?,
                    &transform.limits,
                )
            }
            None => {
                let path = config.resolve(&transform.component);
                let bytes = std::fs::read(&path)
                    .with_context(|| format!("cannot read the component {}", path.display()))
                    .with_context(context)?;
                sandbox.load(&transform.name, &bytes, &transform.limits)
            }
        };
        components.push(component.with_context(context)?);
    }
    Ok(components)
}

async fn load_dimensions(config: &Config, database: &Database) -> Result<Dimensions> {
    let mut dimensions = Dimensions::new();
    for (name, dimension) in &config.dimension {
        let rows = read_dimension(config, dimension, database)
            .await
            .with_context(|| format!("dimension `{name}`"))?;
        let dimension = Dimension::new(name, rows, &dimension.key)?;
        dimensions.insert(name.clone(), Arc::new(dimension));
    }
    Ok(dimensions)
}

async fn read_dimension(
    config: &Config,
    dimension: &config::Dimension,
    database: &Database,
) -> Result<Batch> {
    if let Some(query) = &dimension.query {
        let connection = database.connect().await?;
        return Ok(postgres::dimension::load(&connection, query).await?);
    }
    let file = dimension.file.as_deref().unwrap_or_default();
    match file.strip_prefix("builtin:") {
        Some(name) => {
            let text =
                builtin::data(name).ok_or_else(|| anyhow!("there is no builtin data `{name}`"))?;
            csv_batch(text, Path::new(file))
        }
        None => {
            let path = config.resolve(file);
            let text =
                std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            csv_batch(&text, &path)
        }
    }
}

/// A CSV file with a header as text columns; an empty value is null.
fn csv_batch(text: &[u8], path: &Path) -> Result<Batch> {
    let mut reader = csv::Reader::from_reader(text);
    let header = reader
        .headers()
        .with_context(|| path.display().to_string())?
        .clone();
    let mut builders: Vec<StringBuilder> = header.iter().map(|_| StringBuilder::new()).collect();
    let mut rows = 0;
    for record in reader.records() {
        let record = record.with_context(|| path.display().to_string())?;
        for (builder, value) in builders.iter_mut().zip(record.iter()) {
            builder.append_option((!value.is_empty()).then_some(value));
        }
        rows += 1;
    }
    if header.is_empty() {
        bail!(
            "{}:1: the header line with the columns' names is missing",
            path.display()
        );
    }
    let fields = header
        .iter()
        .map(|name| Field {
            name: name.to_owned(),
            logical_type: LogicalType::Text,
            nullable: true,
        })
        .collect();
    let columns = builders
        .into_iter()
        .map(|mut b| Column::new(Arc::new(b.finish())))
        .collect();
    Ok(Batch {
        rows,
        fields,
        columns,
    })
}
