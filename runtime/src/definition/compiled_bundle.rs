//! A bundle whose components are compiled: what is left to the target's table can be filled now.

use anyhow::{Context, Result, anyhow};
use gristmill_core::chain::check_plans;
use gristmill_core::column::Field;
use gristmill_core::dimension::Dimensions;
use gristmill_core::plan::{Plan, Roles};
use gristmill_core::transform::Transform as _;
use gristmill_postgres::table::catalogue::Catalogue;
use gristmill_postgres::wire::connection::Database;
use gristmill_sandbox::{Component, Sandbox};
use serde_json::Value;

use super::bundle::Bundle;
use super::fill::{self, MissingProperty};

/// See the module.
pub(super) struct CompiledBundle {
    bundle: Bundle,
    components: Vec<Component>,
    /// What the normalizer's config leaves to the target's table.
    gaps: Vec<MissingProperty>,
}

/// A bundle whose components are opened, with plans that fit.
pub(super) struct OpenedBundle {
    /// With all that the file leaves to the target's table.
    pub(super) bundle: Bundle,
    /// The normalizer's config as the file has it.
    pub(super) declared: Value,
    pub(super) components: Vec<Component>,
    /// The columns that the chain writes, in the transforms' order.
    pub(super) fields: Vec<Field>,
    pub(super) roles: Roles,
    /// Whether the normalizer reads a key's bytes as one text.
    pub(super) has_whole_key: bool,
}

impl CompiledBundle {
    /// Takes as long as a compiler does.
    pub(super) fn new(bundle: Bundle, sandbox: &Sandbox) -> Result<Self> {
        let transforms = bundle.config.transform.iter().zip(&bundle.components);
        let components = transforms
            .map(|(transform, bytes)| sandbox.load(&transform.name, bytes, &transform.limits))
            .collect::<Result<Vec<_>, _>>()?;
        let normalizer = components.first().zip(bundle.config.transform.first());
        let gaps = normalizer.map(|(component, t)| fill::gaps(component, &t.config));
        Ok(Self {
            bundle,
            components,
            gaps: gaps.unwrap_or_default(),
        })
    }

    /// The target's columns, or those that it will have, where something is left to them.
    pub(super) async fn catalogue(&self, database: &Database) -> Result<Option<Catalogue>> {
        let table = &self.bundle.config.target.table;
        if self.gaps.is_empty() {
            return Ok(None);
        }
        let asked = async {
            let mut connection = database.connect().await?;
            let found = match (Catalogue::load(&connection, table).await?, &self.bundle.ddl) {
                (None, Some(ddl)) => Catalogue::of_ddl(&mut connection, table, ddl).await?,
                (found, _) => found,
            };
            found.with_context(|| fill::no_table(&self.gaps, table))
        };
        match (asked.await, &self.bundle.catalogue) {
            (Err(error), Some(catalogue)) => {
                tracing::warn!("columns and key are guessed by the events: {error:#}");
                Ok(Some(catalogue.clone()))
            }
            (asked, _) => asked.map(Some),
        }
    }

    /// Opens the components, and proves that their plans fit.
    pub(super) fn open(
        self,
        catalogue: Option<Catalogue>,
        dimensions: &Dimensions,
    ) -> Result<OpenedBundle> {
        let Self {
            bundle,
            components,
            gaps,
        } = self;
        let mut config = bundle.config.clone();
        let declared = config.transform.first().map(|t| t.config.clone());
        let mut plans: Vec<Plan> = Vec::new();
        // Backwards: what the others write the normalizer does not.
        for (at, component) in components.iter().enumerate().rev() {
            if let (0, Some(catalogue)) = (at, &catalogue) {
                let fields = plans.iter().flat_map(|plan| &plan.writes);
                let written: Vec<String> = fields.map(|field| field.name.clone()).collect();
                let table = config.target.table.clone();
                let normalizer = &mut config.transform[0];
                fill::fill(&mut normalizer.config, &gaps, &table, catalogue, &written)?;
                normalizer.filled = fill::names(&gaps);
            }
            plans.push(component.open(&config.transform[at].config)?.plan().clone());
        }
        plans.reverse();
        let names = config.transform.iter().map(|t| t.name.as_str());
        let named: Vec<(&str, &Plan)> = names.zip(&plans).collect();
        let mut fields = check_plans(&named, dimensions).map_err(|problems| {
            let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            anyhow!("{}", lines.join("\n"))
        })?;
        let roles = plans
            .first()
            .and_then(|p| p.roles.clone())
            .context("the first transform declares no roles")?;
        fields.retain(|field| !roles.is_of_event(&field.name));
        let reads = plans.first().map_or(&[][..], |plan| &plan.reads);
        let has_whole_key = reads.iter().any(|read| read.name == "key")
            && !reads.iter().any(|read| read.name.starts_with("key."));
        let declared = declared.unwrap_or_default();
        Ok(OpenedBundle {
            bundle: Bundle { config, ..bundle },
            declared,
            components,
            fields,
            roles,
            has_whole_key,
        })
    }
}
