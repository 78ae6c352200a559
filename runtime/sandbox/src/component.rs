//! A component that has been compiled and has described itself.

use std::sync::Arc;

use gristmill_core::plan::Plan;
use gristmill_core::transform::{Fault, Transform};
use serde_json::Value;

use crate::call::description::Description;
use crate::call::instance::{Instance, Stop};
use crate::heard::Heard;
use crate::host_state::HostState;
use crate::limits::Limits;
use crate::load::check_plan::ENTRIES_MAX;
use crate::load::compiled::Compiled;
use crate::load::config_schema::ConfigSchema;
use crate::load::file;
use crate::log::Log;
use crate::meter::Meter;
use crate::printable::{MESSAGE_MAX_BYTES, printable};
use crate::sandbox_error::SandboxError;

/// Makes the rule that runs in a component's place, of the transform's name, what the component
/// declared, and the config.
pub type Linked = fn(&str, &Plan, &Value) -> Box<dyn Transform>;

/// A component that has been compiled and has described itself. Cheap to clone.
#[derive(Clone)]
pub struct Component {
    name: Arc<str>,
    limits: Limits,
    compiled: Arc<Compiled>,
    description: Arc<Description>,
    schema: Arc<ConfigSchema>,
    linked: Option<Linked>,
    heard: Option<Heard>,
}

impl Component {
    pub(crate) fn describe(
        name: &str,
        compiled: Arc<Compiled>,
        limits: &Limits,
        linked: Option<Linked>,
        heard: Option<Heard>,
    ) -> Result<Self, SandboxError> {
        let log = Log::new(name, limits.log_lines_per_second, heard.clone());
        let describe = |meter| {
            Instance::new(
                &compiled,
                meter,
                HostState::new(limits.clone(), log.clone()),
            )?
            .describe()
        };
        let description = match describe(Meter::Clock) {
            Err(Stop::Deadline) => describe(Meter::Fuel),
            answer => answer,
        };
        let description = description.map_err(|stop| stop.into_fault(name))?;
        let attributes = description.attributes.len();
        if attributes > ENTRIES_MAX {
            return Err(SandboxError::Fault(Fault::Lied(format!(
                "transform `{name}` describes itself with {attributes} attributes, and \
                 {ENTRIES_MAX} are the most, which no setting changes"
            ))));
        }
        let schema = ConfigSchema::parse(&description.config_schema).map_err(|why| {
            Fault::Lied(format!(
                "transform `{name}` describes its config wrongly: {}",
                printable(&why, MESSAGE_MAX_BYTES)
            ))
        })?;
        Ok(Self {
            name: name.into(),
            limits: limits.clone(),
            compiled,
            description: Arc::new(description),
            schema: Arc::new(schema),
            linked,
            heard,
        })
    }

    /// SHA-256 of [`Component::bytes`], in lower-case hex.
    pub fn digest(&self) -> &str {
        self.compiled.digest()
    }

    /// The component, also if a core module was loaded.
    pub fn bytes(&self) -> &[u8] {
        self.compiled.bytes()
    }

    /// The interfaces that it imports, with their versions.
    pub fn imports(&self) -> Vec<String> {
        file::interface(self.bytes()).0
    }

    /// The interfaces that it exports, with their versions.
    pub fn exports(&self) -> Vec<String> {
        file::interface(self.bytes()).1
    }

    pub fn description(&self) -> &Description {
        &self.description
    }

    /// The transform's name in the pipeline.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn compiled(&self) -> &Arc<Compiled> {
        &self.compiled
    }

    /// The log of a rule that is opened.
    pub(crate) fn log(&self) -> Log {
        let lines_per_second = self.limits.log_lines_per_second;
        Log::new(&self.name, lines_per_second, self.heard.clone())
    }

    pub(crate) fn linked(&self) -> Option<Linked> {
        self.linked
    }

    /// Checks `config` against the component's schema.
    pub(crate) fn check_config(&self, config: &Value) -> Result<(), SandboxError> {
        self.schema
            .check(config)
            .map_err(|why| SandboxError::Config {
                transform: self.name.to_string(),
                why: printable(&why, MESSAGE_MAX_BYTES),
            })
    }
}
