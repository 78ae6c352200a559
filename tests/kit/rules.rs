//! Changing a rule of a job that runs, and users for it to be seen on.

use std::ops::Range;

use anyhow::{Context, Result};
use serde_json::json;

use crate::job::Job;
use crate::topic::{self, Message};

/// A config of `normalize-cdc`, in TOML, that reads the operation from another field than the shipped one: `kind`.
pub const OPERATION_IN_KIND: &str = r#"op = "value.kind"
key = ["user_id"]
columns = { user_id = "int64", name = "text", email = "text", country_code = "text" }
"#;

impl Job<'_> {
    /// `gristmill transform ARGUMENTS` for the job's pipeline, with what it printed.
    pub fn transform(&self, arguments: &[&str]) -> Result<String> {
        let all = [&["transform"], arguments, &["--pipeline", "users.toml"]].concat();
        self.gristmill(&all).with_context(|| self.explain())
    }

    /// Puts `component` (a file, or `builtin:NAME`) with `config`, a JSON text, in the place of `enrich-email`.
    pub fn swap(&self, component: &str, config: &str, flags: &[&str]) -> Result<String> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("config.json");
        std::fs::write(&file, config)?;
        let file = file.to_str().context("a path")?;
        let swap = ["swap", "enrich-email", component, "--config", file];
        self.transform(&[&swap[..], flags].concat())
    }

    /// Writes users with addresses in `domain` to the topic.
    pub fn users(&self, partition: i32, ids: Range<i32>, domain: &str) -> Result<()> {
        let event = |id: i32| {
            json!({
                "op": "c", "timestamp_ms": 1_726_531_200_000_i64,
                "after": { "user_id": id, "name": "Ann", "email": format!("ann.{id}@{domain}") },
            })
        };
        let messages: Vec<_> = ids
            .map(|id| Message::new(partition, event(id).to_string()))
            .collect();
        topic::write(&self.kafka.bootstrap(), &self.topic, &messages)
    }
}
